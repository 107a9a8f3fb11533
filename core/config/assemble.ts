import convict from 'convict'
import { describeExpected, readValue } from './formats.ts'
import type { ReadKey } from './reader.ts'
import { isSchemaKey, type SchemaKey, type SchemaTree } from './schema.ts'

/**
 * The configuration that `schema` makes of `values` (by dotted key, already read) and its defaults; frozen to the leaves.
 * Throws where a default isn't what its own key takes.
 */
export function assemble(schema: SchemaTree, values: ReadonlyMap<string, ReadKey>): object {
  const config = convict<Record<string, unknown>>(convictSchema(schema), { env: {}, args: [] })
  for (const [key, { value }] of values) config.set(key, value)
  config.validate({ allowed: 'strict' })
  return deepFreeze(config.getProperties())
}

/** convict's formats are functions that throw: here they hold the merged result against the schema once more. */
function convictSchema(tree: SchemaTree): convict.Schema<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(tree).map(([name, node]) => [
      name,
      isSchemaKey(node)
        ? { ...node, format: (value: unknown) => assertValue(node, value) }
        : convictSchema(node),
    ]),
  )
}

function assertValue(key: SchemaKey<unknown>, value: unknown): void {
  const result = readValue(key, { value, isText: false, baseDirectory: '/' })
  if (!('value' in result)) throw new Error(`expected ${describeExpected(key)}`)
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
