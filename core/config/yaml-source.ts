import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { messageOf } from '../errors.ts'
import { type ConfigProblem, clip } from './errors.ts'
import type { Layer, Origin, Source, SourceNode } from './source.ts'

/** A config is a page or two. The bound keeps a wrong file, or a hostile one, from taking the node's memory and time. */
const MAX_FILE_CHARACTERS = 128 * 1024

/** The parser quotes what it doesn't understand, however long that is. */
const MAX_FAULT_CHARACTERS = 300

type FileLayer = Extract<Layer, 'default' | 'profile' | 'user'>

/** One source, or none where a problem leaves open what the file says. */
interface ReadFile {
  readonly sources: readonly Source[]
  readonly problems: readonly ConfigProblem[]
}

export async function readYamlFile(
  file: string,
  layer: FileLayer,
  readText = (path: string): Promise<string> => readFile(path, 'utf8'),
): Promise<ReadFile> {
  try {
    return parseYaml(await readText(file), file, layer)
  } catch (error) {
    const message = `can't be read: ${messageOf(error)}`
    return { sources: [], problems: [{ kind: 'file', origin: { layer, file }, message }] }
  }
}

/**
 * Reads YAML 1.2 without what a config has no use for: aliases (which "billion laughs" are made of), tags, several documents.
 * Every value keeps its place.
 */
export function parseYaml(text: string, file: string, layer: FileLayer): ReadFile {
  const problems: ConfigProblem[] = []
  const lines = new LineCounter()

  const at = (node: Node): Origin => originAt(node.range?.[0] ?? 0)
  const originAt = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset)
    return { layer, file, line, column: col }
  }
  const refuse = (origin: Origin, message: string): void => {
    problems.push({ kind: 'syntax', origin, message })
  }

  if (text.length > MAX_FILE_CHARACTERS) {
    refuse({ layer, file }, `expected at most ${MAX_FILE_CHARACTERS} characters, got ${text.length}`)
    return { sources: [], problems }
  }

  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'silent',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    // Checked below: the parser would compare each key with each other.
    uniqueKeys: false,
  })
  // One mistake makes the parser stumble many times. The first is where it is.
  const [fault] = [...document.errors, ...document.warnings]
  if (fault) {
    refuse(originAt(fault.pos[0]), `not valid YAML: ${fault.message.slice(0, MAX_FAULT_CHARACTERS)}`)
    return { sources: [], problems }
  }

  const readNode = (node: unknown, origin: Origin): SourceNode => {
    if (isMap(node)) return { origin, children: readPairs(node.items) }
    if (isSeq(node)) return { origin, value: node.items.map(item => readScalar(item, origin)) }
    return { origin, value: readScalar(node, origin) }
  }

  const readPairs = (pairs: readonly { key: unknown; value: unknown }[]): Map<string, SourceNode> => {
    const children = new Map<string, SourceNode>()
    for (const { key, value } of pairs) {
      const origin = at(key as Node)
      if (!isScalar(key)) refuse(origin, 'expected a plain key')
      else if (children.has(String(key.value)))
        refuse(origin, `expected "${clip(String(key.value))}" once in its section`)
      else children.set(String(key.value), readNode(value, origin))
    }
    return children
  }

  const readScalar = (node: unknown, origin: Origin): unknown => {
    if (isScalar(node)) return node.value
    if (isAlias(node)) refuse(at(node), 'expected the value itself: aliases are not read')
    else if (node !== null) refuse(origin, 'expected a list of plain values')
    return null
  }

  const root = readNode(document.contents, originAt(0))
  if (!root.children && root.value !== null) refuse(root.origin, 'expected keys and values')
  const source = { root, isText: false, baseDirectory: dirname(file) }
  return { sources: problems.length === 0 ? [source] : [], problems }
}
