/** In rising precedence. `schema` holds each key's default. */
export type Layer = 'schema' | 'default' | 'profile' | 'user' | 'env' | 'set'

/** Where a value comes from. */
export interface Origin {
  readonly layer: Layer
  readonly file?: string
  /** From 1. */
  readonly line?: number
  /** From 1. */
  readonly column?: number
  /** The environment variable, or the command line's `key=value`. */
  readonly name?: string
}

/** `/etc/skep/config.yaml:3:5`, `SKEP_LOG_LEVEL`, `--set log.level=debug`. */
export function describeOrigin({ layer, file, line, column, name }: Origin): string {
  if (file !== undefined) return [file, line, column].filter(part => part !== undefined).join(':')
  if (layer === 'set') return name?.startsWith('--') ? name : `--set ${name}`
  return name ?? 'the schema'
}

/** One value or section as a source gives it, before any schema has seen it. */
export interface SourceNode {
  readonly origin: Origin
  /** A scalar, a list, or null for nothing. Absent in sections. */
  readonly value?: unknown
  readonly children?: ReadonlyMap<string, SourceNode>
}

/** One file, variable or option. Later ones win. */
export interface Source {
  readonly root: SourceNode
  /** All values are text: from the environment or the command line. */
  readonly isText: boolean
  /** What relative paths in it are relative to. */
  readonly baseDirectory: string
}

/** A source of a single key. */
export function singleValue(key: string, value: unknown, origin: Origin, baseDirectory: string): Source {
  const root = key
    .split('.')
    .reduceRight<SourceNode>((child, segment) => ({ origin, children: new Map([[segment, child]]) }), {
      origin,
      value,
    })
  return { root, isText: true, baseDirectory }
}

/** The node at a dotted key. */
export function nodeAt({ root }: Source, key: string): SourceNode | undefined {
  return key.split('.').reduce<SourceNode | undefined>((node, segment) => node?.children?.get(segment), root)
}
