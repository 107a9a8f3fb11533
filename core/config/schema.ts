/**
 * A convict fragment with what skep asks of every key beside: a doc, and a unit and a range where it is a quantity.
 *
 * `C` is the shape of the resulting config; nested objects nest.
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
 * - `multiaddr`, `multiaddrs`: text checked by @multiformats/multiaddr.
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
