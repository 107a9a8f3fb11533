/**
 * A convict fragment with what skep asks of every key beside: a doc, and a unit and a range where it is a quantity.
 *
 * `C` is the shape of the resulting config; nested objects nest. A key that may be absent is `name: string | undefined`
 * with `default: undefined`.
 */
export type Schema<C> = {
  readonly [K in keyof C]: C[K] extends readonly unknown[]
    ? SchemaKey<C[K]>
    : C[K] extends object
      ? Schema<C[K]>
      : SchemaKey<C[K]>
}

/** One config key. */
export interface SchemaKey<V> {
  /** What it does and why one would change it; a sentence or two, in Markdown. */
  readonly doc: string
  /** How its text is read and checked. */
  readonly format: Format | readonly V[]
  readonly default: V
  /** What the number counts, where it isn't plain from the format: `connections`, `blocks`. */
  readonly unit?: string
  /** Inclusive bounds of a number, byte size or duration (in the resulting number's unit). */
  readonly min?: number
  readonly max?: number
}

/**
 * - `bytes`: `64MiB`, `2GB` or a plain number; the config holds bytes.
 * - `duration`: `500ms`, `30s`, `10m`, `24h`, `7d` or a plain number of milliseconds; the config holds milliseconds.
 * - `path`: a relative one is relative to the file that says so; the config holds it absolute.
 * - `multiaddr`, `multiaddrs`: text checked by @multiformats/multiaddr.
 * - `targets`: IP addresses, networks and peer ids, each in its usual form.
 */
export type Format =
  | 'string'
  | 'strings'
  | 'boolean'
  | 'integer'
  | 'number'
  | 'port'
  | 'path'
  | 'bytes'
  | 'duration'
  | 'multiaddr'
  | 'multiaddrs'
  | 'targets'

/** A fragment whose types are no longer known: what loads and documents any schema works on this. */
export interface SchemaTree {
  readonly [name: string]: SchemaTree | SchemaKey<unknown>
}

/** A section nests; a key has a default, as convict tells them apart. */
export function isSchemaKey(node: SchemaTree | SchemaKey<unknown>): node is SchemaKey<unknown> {
  return Object.hasOwn(node, 'default')
}

/** Every key beneath `tree` with its dotted name, in the order of the schema. */
export function* keysOf(tree: SchemaTree, prefix = ''): Generator<[name: string, key: SchemaKey<unknown>]> {
  for (const [segment, node] of Object.entries(tree)) {
    const name = prefix === '' ? segment : `${prefix}.${segment}`
    if (isSchemaKey(node)) yield [name, node]
    else yield* keysOf(node, name)
  }
}

/** Every section beneath `tree` with its dotted name. */
export function* sectionsOf(tree: SchemaTree, prefix = ''): Generator<string> {
  for (const [segment, node] of Object.entries(tree)) {
    if (isSchemaKey(node)) continue
    const name = prefix === '' ? segment : `${prefix}.${segment}`
    yield name
    yield* sectionsOf(node, name)
  }
}
