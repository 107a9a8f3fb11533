import type { CID } from 'multiformats/cid'
import type { Bucket, KeyValueStore, WriteBatch } from '../storage/storage.ts'
import {
  cidOfKey,
  decodeCounts,
  decodeRow,
  encodeCounts,
  encodeRow,
  LINKS_PER_ROW,
  type NodeCount,
  nodeKey,
  rowKey,
} from './pin-records.ts'
import { type DagLink, mayHaveLinks } from './walk.ts'

/** Links that one transaction of a release uncounts, about. */
const LINKS_PER_RELEASE = 1_024

/** Behind the last row that a block's links can fill. */
const PAST_ROWS = 0xff_ff

/** The value of keys that say all there is to say. */
const PRESENT = Uint8Array.of(1)

/**
 * Who owns which block. Each change is one transaction and leaves the ledger true:
 *
 * - `pin-roots` has the nodes that a pin was counted for;
 * - `pin-counts` has, by multihash, the count of each node that is held; what isn't there is nobody's;
 * - `pin-links` has the links of nodes that were counted down from, so that a release needs no block;
 * - `pin-queue` has the nodes that came to 0 and whose links are still to be uncounted.
 *
 * A node is in `pin-counts` from its first owner until its release is over, so that one lookup by multihash tells
 * whether a block is held.
 */
export class PinLedger {
  readonly #index: KeyValueStore
  readonly #roots: Bucket
  readonly #counts: Bucket
  readonly #links: Bucket
  readonly #queue: Bucket

  constructor(index: KeyValueStore) {
    this.#index = index
    this.#roots = index.bucket('pin-roots')
    this.#counts = index.bucket('pin-counts')
    this.#links = index.bucket('pin-links')
    this.#queue = index.bucket('pin-queue')
  }

  holds(hash: Uint8Array): boolean {
    return this.#counts.has(hash)
  }

  hashes({ after, limit }: { after?: Uint8Array; limit?: number }): Uint8Array[] {
    // A key with a zero byte behind it is the next one possible.
    const from = after && Buffer.concat([after, Buffer.of(0)])
    return [...this.#counts.keys({ from, limit })]
  }

  hasRoot(cid: CID): boolean {
    return this.#roots.has(nodeKey(cid))
  }

  /** Keys of all roots. */
  roots(): Iterable<Uint8Array> {
    return this.#roots.keys()
  }

  nodeOf(cid: CID): Readonly<NodeCount> | undefined {
    return decodeCounts(this.#counts.get(cid.multihash.bytes)).find(({ codec }) => codec === cid.code)
  }

  /** One row of a node's links, for `readLink`; undefined behind the last. */
  row(cid: CID, row: number): Uint8Array | undefined {
    return this.#links.get(rowKey(nodeKey(cid), row))
  }

  /** All links of an expanded node. */
  *linksOf(cid: CID): Generator<DagLink, void, void> {
    for (let row = 0, bytes = this.row(cid, row); bytes; row++, bytes = this.row(cid, row))
      yield* decodeRow(bytes)
  }

  addRoot(cid: CID): Promise<void> {
    return this.#index.write(batch => {
      const key = nodeKey(cid)
      if (this.#roots.has(key)) return
      batch.put(this.#roots, key, PRESENT)
      this.#increment(batch, cid)
    })
  }

  removeRoot(cid: CID): Promise<void> {
    return this.#index.write(batch => {
      const key = nodeKey(cid)
      if (!this.#roots.has(key)) return
      batch.delete(this.#roots, key)
      this.#decrement(batch, cid)
    })
  }

  /** Saves the links of a held node and counts their ends, where that isn't done. A kill midway leaves whole rows. */
  async expand(cid: CID, links: readonly DagLink[]): Promise<void> {
    const key = nodeKey(cid)
    for (let row = 0; row * LINKS_PER_ROW < links.length; row++) {
      const part = links.slice(row * LINKS_PER_ROW, (row + 1) * LINKS_PER_ROW)
      const isLast = (row + 1) * LINKS_PER_ROW >= links.length
      await this.#index.write(batch => {
        const at = rowKey(key, row)
        if (!this.#links.has(at)) {
          batch.put(this.#links, at, encodeRow(part))
          for (const link of part) this.#increment(batch, link.cid)
        }
        if (isLast) this.#mark(batch, cid, { isExpanded: true })
      })
    }
  }

  /** All beneath a node is held. */
  complete(cid: CID): Promise<void> {
    return this.#index.write(batch => this.#mark(batch, cid, { isComplete: true }))
  }

  /** Something beneath a node is no longer held. */
  reopen(cid: CID): Promise<void> {
    return this.#index.write(batch => this.#mark(batch, cid, { isComplete: false }))
  }

  /** True where a release is to go on. */
  get isReleasing(): boolean {
    return !this.#queue.keys({ limit: 1 })[Symbol.iterator]().next().done
  }

  /** Uncounts a slice of what released nodes link to. */
  release(): Promise<void> {
    return this.#index.write(batch => {
      let left = LINKS_PER_RELEASE
      for (const key of this.#queue.keys()) {
        left -= this.#releaseNode(batch, key, left)
        if (left <= 0) return
      }
    })
  }

  /** Uncounts rows of a node at 0, and forgets it after the last. Returns the work done. */
  #releaseNode(batch: WriteBatch, key: Uint8Array, maxLinks: number): number {
    const cid = cidOfKey(key)
    // From here on its links must be saved again before it can be whole.
    this.#mark(batch, cid, { isExpanded: false, isComplete: false })
    let work = 1
    for (const at of this.#rowsOf(key)) {
      if (work >= maxLinks) return work
      for (const link of decodeRow(this.#links.get(at) ?? new Uint8Array())) {
        this.#decrement(batch, link.cid)
        work += 1
      }
      batch.delete(this.#links, at)
    }
    batch.delete(this.#queue, key)
    this.#change(batch, cid, () => undefined)
    return work
  }

  #rowsOf(key: Uint8Array): Uint8Array[] {
    return [...this.#links.keys({ from: rowKey(key, 0), to: rowKey(key, PAST_ROWS) })]
  }

  #increment(batch: WriteBatch, cid: CID): void {
    this.#change(batch, cid, node => {
      // Its release, if it was on its way, is off.
      if (node?.count === 0) batch.delete(this.#queue, nodeKey(cid))
      return {
        codec: cid.code,
        count: (node?.count ?? 0) + 1,
        isExpanded: node?.isExpanded ?? false,
        isComplete: node?.isComplete ?? false,
      }
    })
  }

  #decrement(batch: WriteBatch, cid: CID): void {
    this.#change(batch, cid, node => {
      if (!node) return undefined
      const count = node.count - 1
      if (count > 0) return { ...node, count }
      const key = nodeKey(cid)
      if (!mayHaveLinks(cid) || this.#rowsOf(key).length === 0) return undefined
      batch.put(this.#queue, key, PRESENT)
      return { ...node, count: 0 }
    })
  }

  #mark(batch: WriteBatch, cid: CID, flags: Partial<Pick<NodeCount, 'isExpanded' | 'isComplete'>>): void {
    this.#change(batch, cid, node => node && { ...node, ...flags })
  }

  #change(batch: WriteBatch, cid: CID, change: (node?: NodeCount) => NodeCount | undefined): void {
    const hash = cid.multihash.bytes
    const nodes = decodeCounts(this.#counts.get(hash))
    const others = nodes.filter(({ codec }) => codec !== cid.code)
    const changed = change(nodes.find(({ codec }) => codec === cid.code))
    const left = changed ? [...others, changed] : others
    if (left.length > 0) batch.put(this.#counts, hash, encodeCounts(left))
    else if (nodes.length > 0) batch.delete(this.#counts, hash)
  }
}
