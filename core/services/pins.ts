import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'
import type { ContentOptions } from '../content/content.ts'

export interface Pin {
  readonly cid: CID
  readonly name?: string
  /** Milliseconds since 1970, by this node's clock. */
  readonly createdMs: number
  /** `pinning` until every block beneath is held and counted; a restart goes on with it. */
  readonly state: 'pinning' | 'pinned'
}

/**
 * What this node keeps. A pin owns its whole DAG by reference count: a node (codec and multihash) counts its pinned parents
 * plus its direct pins, and only a step between 0 and 1 goes on to its children. What counts 0 belongs to the cache.
 */
export interface Pins {
  /**
   * Fetches what is missing, counts, and resolves when all of it is durable. Pinning what is pinned sets the name and
   * looks whether all of it is still held (no block is read), since damaged blocks count as absent; it fetches those.
   * Aborting leaves the pin as `pinning`, holding what it fetched, until it is added again or removed.
   *
   * @throws SkepError CONTENT_UNAVAILABLE, STORAGE_FULL
   */
  add(cid: CID, options?: ContentOptions & { name?: string }): Promise<Pin>
  /** @throws SkepError NOT_PINNED */
  remove(cid: CID, options?: ContentOptions): Promise<void>
  get(cid: CID): Pin | undefined
  list(): Iterable<Pin>
  /** How many there are, by state. Cheap, however many. */
  counts(): Readonly<Record<Pin['state'], number>>
  /** True where any pin holds the block: the cache leaves it alone. */
  holds(hash: Uint8Array): boolean
  /**
   * As `holds`, and true as well where a bit seems to have turned that said so: for whoever is about to delete the block. Ten times
   * as slow.
   */
  mayHold(hash: Uint8Array): boolean
  /** Multihashes that pins hold, in order, from `after` on (exclusive); at most `limit`. */
  hashes(options?: { after?: Uint8Array; limit?: number }): Uint8Array[]
}

export const Pins: Token<Pins> = token('pins')
