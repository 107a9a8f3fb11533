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

/** Hears of each change of the ledger while it is made, within its transaction. */
export interface LedgerObserver {
  /** A node gained an owner, or lost one: the root or the row of links at `key`. */
  owned(table: OwnerTable, key: Uint8Array, cid: CID, change: 1 | -1): void
  /** The count that is kept of a node changed. */
  counted(cid: CID, change: number): void
  /** Something it was told of was not written after all. */
  undone(): void
}

/** Tables whose entries own nodes. */
export type OwnerTable = 'pin-roots' | 'pin-links'

/** A root or a row of links that gains or loses what it owns. */
interface Owner {
  readonly table: OwnerTable
  readonly key: Uint8Array
}

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
  #observer: LedgerObserver | undefined

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

  /**
   * True where a multihash is held that differs in one bit. No two blocks have such: a bit of the key has turned. Pages aren't
   * sorted anew by that, so it is still beside the place of the right one.
   */
  holdsNearly(hash: Uint8Array): boolean {
    const [next] = this.#counts.keys({ from: hash, limit: 1 })
    const [last] = this.#counts.keys({ to: hash, limit: 1, reverse: true })
    return [next, last].some(key => key && bitsBetween(key, hash) === 1)
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

  /** One observer at a time; returns the function that ends it. */
  observe(observer: LedgerObserver): () => void {
    if (this.#observer) throw new Error('the ledger has an observer already')
    this.#observer = observer
    return () => {
      this.#observer = undefined
    }
  }

  addRoot(cid: CID): Promise<void> {
    return this.#write(batch => {
      const key = nodeKey(cid)
      if (this.#roots.has(key)) return
      batch.put(this.#roots, key, PRESENT)
      this.#increment(batch, { table: 'pin-roots', key }, cid)
    })
  }

  removeRoot(cid: CID): Promise<void> {
    return this.#write(batch => {
      const key = nodeKey(cid)
      if (!this.#roots.has(key)) return
      batch.delete(this.#roots, key)
      this.#decrement(batch, { table: 'pin-roots', key }, cid)
    })
  }

  /** Saves the links of a held node and counts their ends, where that isn't done. A kill midway leaves whole rows. */
  async expand(cid: CID, links: readonly DagLink[]): Promise<void> {
    const key = nodeKey(cid)
    for (let row = 0; row * LINKS_PER_ROW < links.length; row++) {
      const part = links.slice(row * LINKS_PER_ROW, (row + 1) * LINKS_PER_ROW)
      const isLast = (row + 1) * LINKS_PER_ROW >= links.length
      await this.#write(batch => {
        const at = rowKey(key, row)
        if (!this.#links.has(at)) {
          batch.put(this.#links, at, encodeRow(part))
          for (const link of part) this.#increment(batch, { table: 'pin-links', key: at }, link.cid)
        }
        if (isLast) this.#mark(batch, cid, { isExpanded: true })
      })
    }
  }

  /** All beneath a node is held. */
  complete(cid: CID): Promise<void> {
    return this.#write(batch => this.#mark(batch, cid, { isComplete: true }))
  }

  /** Something beneath a node is no longer held. */
  reopen(cid: CID): Promise<void> {
    return this.#write(batch => this.#mark(batch, cid, { isComplete: false }))
  }

  /**
   * Corrects the count of a node by `change`, and whether it is to be released. How far a count is off doesn't change
   * with what is pinned and unpinned meanwhile.
   */
  repair(cid: CID, change: number): Promise<void> {
    return this.#write(batch => {
      const key = nodeKey(cid)
      this.#change(batch, cid, node => {
        const count = Math.max(0, (node?.count ?? 0) + change)
        const hasLinks = this.#rowsOf(key).length > 0
        if (count === 0 && hasLinks) batch.put(this.#queue, key, PRESENT)
        else batch.delete(this.#queue, key)
        if (count === 0 && !hasLinks) return undefined
        return { codec: cid.code, isExpanded: false, isComplete: false, ...node, count }
      })
    })
  }

  /** Replaces the links of an expanded node. What is beneath it has to be looked at again. */
  async relink(cid: CID, links: readonly DagLink[]): Promise<void> {
    await this.#write(batch => {
      for (const at of this.#rowsOf(nodeKey(cid))) this.#dropRow(batch, at)
      this.#mark(batch, cid, { isExpanded: false, isComplete: false })
    })
    await this.expand(cid, links)
  }

  /** True where a release is to go on. */
  get isReleasing(): boolean {
    return !this.#queue.keys({ limit: 1 })[Symbol.iterator]().next().done
  }

  /** Uncounts a slice of what released nodes link to. */
  release(): Promise<void> {
    return this.#write(batch => {
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
      work += this.#dropRow(batch, at)
    }
    batch.delete(this.#queue, key)
    this.#change(batch, cid, () => undefined)
    return work
  }

  /** Uncounts the ends of a row of links and deletes it. Returns how many there were. */
  #dropRow(batch: WriteBatch, key: Uint8Array): number {
    let links = 0
    for (const { cid } of decodeRow(this.#links.get(key) ?? new Uint8Array())) {
      this.#decrement(batch, { table: 'pin-links', key }, cid)
      links += 1
    }
    batch.delete(this.#links, key)
    return links
  }

  #write(change: (batch: WriteBatch) => void): Promise<void> {
    return this.#index.write(change).catch(error => {
      this.#observer?.undone()
      throw error
    })
  }

  #rowsOf(key: Uint8Array): Uint8Array[] {
    return [...this.#links.keys({ from: rowKey(key, 0), to: rowKey(key, PAST_ROWS) })]
  }

  #increment(batch: WriteBatch, { table, key }: Owner, cid: CID): void {
    this.#observer?.owned(table, key, cid, 1)
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

  #decrement(batch: WriteBatch, owner: Owner, cid: CID): void {
    this.#observer?.owned(owner.table, owner.key, cid, -1)
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
    const place = nodes.findIndex(({ codec }) => codec === cid.code)
    const [node] = place < 0 ? [] : nodes.splice(place, 1)
    const wasHeld = node !== undefined || nodes.length > 0
    const changed = change(node)
    const added = (changed?.count ?? 0) - (node?.count ?? 0)
    if (added !== 0) this.#observer?.counted(cid, added)
    if (changed) nodes.push(changed)
    if (nodes.length > 0) batch.put(this.#counts, hash, encodeCounts(nodes))
    else if (wasHeld) batch.delete(this.#counts, hash)
  }
}

/** How many bits differ. */
function bitsBetween(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let bits = 0
  for (let at = 0; at < a.length; at++) {
    for (let rest = (a[at] ?? 0) ^ (b[at] ?? 0); rest > 0; rest &= rest - 1) bits += 1
  }
  return bits
}
