import { type ConfigProblem, clip } from './errors.ts'
import { describeExpected, readValue } from './formats.ts'
import { nearest } from './nearest.ts'
import { isSchemaKey, keysOf, type SchemaKey, type SchemaTree, sectionsOf } from './schema.ts'
import type { Origin, Source, SourceNode } from './source.ts'

/** A value as its key has it, and where it was said. */
export interface ReadKey {
  readonly value: unknown
  readonly origin: Origin
  /** What relative paths there are relative to. */
  readonly baseDirectory: string
}

export interface Reading {
  /** What was set, by dotted key; where several sources set one, by the last of them. */
  readonly values: ReadonlyMap<string, ReadKey>
  readonly problems: readonly ConfigProblem[]
}

/**
 * Reads `sources`, in rising precedence, as `schema` asks. Beneath `open` sections keys that the schema doesn't have are
 * left alone: their plugin isn't loaded, so nobody knows them.
 */
export function readSources(
  sources: readonly Source[],
  schema: SchemaTree,
  open: ReadonlySet<string> = new Set(),
): Reading {
  const values = new Map<string, ReadKey>()
  const problems: ConfigProblem[] = []
  const names = new Set([...sectionsOf(schema), ...Array.from(keysOf(schema), ([name]) => name)])

  const readKey = (name: string, key: SchemaKey<unknown>, node: SourceNode, source: Source): void => {
    const expected = `expected ${describeExpected(key, source)}, got ${describeValue(node)}`
    const { origin } = node
    if (node.children) {
      problems.push({ kind: 'type', key: name, origin, message: expected })
      return
    }
    const result = readValue(key, { ...source, value: node.value })
    if ('value' in result)
      values.set(name, { value: result.value, origin, baseDirectory: source.baseDirectory })
    else problems.push({ kind: result.fault, key: name, origin, message: expected })
  }

  const readSection = (name: string, tree: SchemaTree, node: SourceNode, source: Source): void => {
    // A section without anything in it says nothing.
    if (!node.children && node.value !== null) {
      const message = `expected keys beneath it (${clip(Object.keys(tree).join(', '))}), got ${describeValue(node)}`
      problems.push({ kind: 'type', key: name, origin: node.origin, message })
    }
    for (const [segment, child] of node.children ?? []) {
      const childName = name === '' ? segment : `${name}.${segment}`
      const childSchema = Object.hasOwn(tree, segment) ? tree[segment] : undefined
      if (childSchema === undefined) {
        if (!open.has(name)) problems.push(unknownKey(childName, segment, child.origin, names))
      } else if (isSchemaKey(childSchema)) readKey(childName, childSchema, child, source)
      else readSection(childName, childSchema, child, source)
    }
  }

  for (const source of sources) readSection('', schema, source.root, source)
  return { values, problems }
}

function unknownKey(
  name: string,
  segment: string,
  origin: Origin,
  names: ReadonlySet<string>,
): ConfigProblem {
  return {
    kind: 'unknown',
    key: name,
    origin,
    message: 'no such key',
    nearest: nearest(name, names) ?? nearest(segment, names),
  }
}

function describeValue({ value, children }: SourceNode): string {
  if (children) return 'a section'
  if (value === null) return 'nothing'
  return clip(JSON.stringify(value) ?? String(value))
}
