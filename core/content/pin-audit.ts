import { setImmediate } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import { isSkepError } from '../errors.ts'
import type { BlockStore, Bucket, KeyValueStore } from '../storage/storage.ts'
import type { Progress } from './content.ts'
import type { LedgerObserver, OwnerTable, PinLedger } from './pin-ledger.ts'
import {
  cidOfKey,
  decodeCounts,
  decodeRow,
  type NodeCount,
  nodeKey,
  nodeOfRow,
  rowKey,
} from './pin-records.ts'
import { bucketsWithin, ExactTally, type PinTally, SketchTally } from './pin-tally.ts'
import { type DagLink, linksOf, mayHaveLinks } from './walk.ts'

/** What is wrong with one node of the ledger. */
export type PinFault =
  /** Its count is not the number of its owners. */
  | { readonly kind: 'count'; readonly cid: CID; readonly count: number; readonly owners: number }
  /** It is at 0 and has links, and nobody will release them; or it is to be released and isn't at 0. */
  | { readonly kind: 'release'; readonly cid: CID }
  /** The links kept of it aren't those of its block. */
  | { readonly kind: 'links'; readonly cid: CID; readonly links: readonly DagLink[] }
  /** A pin that isn't counted, or is counted and there is no pin. */
  | { readonly kind: 'pin'; readonly cid: CID }

export interface PinAuditOptions {
  readonly signal: AbortSignal
  /** Links, or other entries, looked at in one transaction. Default: some milliseconds of them. */
  readonly sliceLinks?: number
  /** Bytes of the ledger that were read. */
  onProgress?(progress: Progress): void
  /** Waited for. Where writes fail meanwhile it may be told of something twice. */
  onFault(fault: PinFault): Promise<void>
}

export interface PinAuditDependencies {
  readonly index: KeyValueStore
  readonly ledger: PinLedger
  readonly store: BlockStore
}

export interface PinAuditReport {
  /** Multihashes that are counted. */
  readonly nodes: number
  readonly links: number
}

/** Some milliseconds on a board. */
const SLICE_LINKS = 512

/** Nodes whose counts are compared one by one at a time: some megabytes. */
const MAX_EXACT_NODES = 65_536

/** What an entry is guessed to have in a table that isn't begun. */
const GUESSED_ENTRY_BYTES = 64

type Table = OwnerTable | 'pin-counts' | 'pin-queue'

const TABLES: readonly Table[] = ['pin-roots', 'pin-links', 'pin-counts', 'pin-queue']

/**
 * Compares each node's count with the roots and kept links that own it, and kept links with the blocks they are of.
 *
 * Reads the ledger in the order of its tables, in slices, each in a transaction of its own. What is pinned and unpinned
 * meanwhile is told by the ledger as it happens: what it changes of entries that were read already is added to the
 * tally, and the rest is still to be read. So the tally is exact, and nobody waits for it.
 *
 * The first pass keeps sums of many nodes at a time; what is in sums that aren't 0 is looked at node by node in more.
 */
export class PinAudit {
  readonly #options: PinAuditOptions
  readonly #dependencies: PinAuditDependencies
  readonly #tables: Readonly<Record<Table, Bucket>>
  #bytes = 0

  constructor(options: PinAuditOptions, dependencies: PinAuditDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    const { index } = dependencies
    this.#tables = {
      'pin-roots': index.bucket('pin-roots'),
      'pin-links': index.bucket('pin-links'),
      'pin-counts': index.bucket('pin-counts'),
      'pin-queue': index.bucket('pin-queue'),
    }
  }

  /** @throws the reason of `signal` */
  async run(): Promise<PinAuditReport> {
    const { tally, links } = await this.#pass(() => new SketchTally(), { isFirst: true })
    const nodes = this.#tables['pin-counts'].size()
    const suspects = tally.wrong()
    const share = bucketsWithin(MAX_EXACT_NODES, nodes)
    for (let start = 0; start < suspects.length; start += share) {
      const buckets = suspects.slice(start, start + share)
      const exact = await this.#pass(() => new ExactTally(buckets), { isFirst: false })
      for (const [key, change] of exact.tally.wrong()) {
        const cid = cidOfKey(key)
        const count = this.#dependencies.ledger.nodeOf(cid)?.count ?? 0
        await this.#options.onFault({ kind: 'count', cid, count, owners: count + change })
      }
    }
    return { nodes, links }
  }

  /** Once through all tables; anew where a write failed, since what it told of never happened. */
  async #pass<T extends PinTally>(start: () => T, { isFirst }: { isFirst: boolean }): Promise<Scan<T>> {
    for (;;) {
      const scan = new Scan(start())
      const end = this.#dependencies.ledger.observe(scan)
      try {
        for (const table of TABLES) await this.#read(table, scan, isFirst)
        // What it was told of before this has been written by now, or has failed.
        await this.#dependencies.index.write(() => {})
        if (!scan.isUndone) return scan
      } finally {
        end()
      }
    }
  }

  async #read(table: Table, scan: Scan<PinTally>, isFirst: boolean): Promise<void> {
    const { signal, sliceLinks = SLICE_LINKS, onProgress, onFault } = this.#options
    const firstByte = this.#bytes
    scan.begin(table)
    for (let entries = 0, isOver = false; !isOver; ) {
      signal.throwIfAborted()
      const found: PinFault[] = []
      const expanded: CID[] = []
      isOver = await this.#dependencies.index.write(() => {
        let work = 0
        for (const [key, value] of this.#tables[table].entries({ from: scan.next })) {
          work += this.#readEntry(table, [key, value], { scan, found, expanded })
          this.#bytes += key.length + value.length
          entries += 1
          scan.passed(key)
          if (work >= sliceLinks) return false
        }
        scan.ended()
        return true
      })
      const totalBytes = this.#guessTotal(table, { entries, bytes: this.#bytes - firstByte })
      onProgress?.({ bytes: this.#bytes, totalBytes, blocks: scan.links })
      if (isFirst) {
        for (const cid of expanded) found.push(...(await this.#compareLinks(cid)))
        for (const fault of found) await onFault(fault)
      }
      await setImmediate()
    }
  }

  /** Within a transaction: adds an entry to the tally. Returns the work done. */
  #readEntry(
    table: Table,
    [key, value]: readonly [Uint8Array, Uint8Array],
    { scan, found, expanded }: { scan: Scan<PinTally>; found: PinFault[]; expanded: CID[] },
  ): number {
    switch (table) {
      case 'pin-roots':
        scan.tally.add(key, 1)
        return 1
      case 'pin-links': {
        const { node, row } = nodeOfRow(key)
        const cid = cidOfKey(node)
        const parent = this.#dependencies.ledger.nodeOf(cid)
        if (row === 0 && !parent) found.push({ kind: 'release', cid })
        if (row === 0 && parent?.isExpanded) expanded.push(cid)
        let links = 0
        for (const link of decodeRow(value)) {
          scan.tally.add(nodeKey(link.cid), 1)
          links += 1
        }
        scan.links += links
        return 1 + links
      }
      case 'pin-counts': {
        const nodes = decodeCounts(value)
        for (const node of nodes) {
          const cid = cidOf(key, node)
          scan.tally.add(nodeKey(cid), -node.count)
          const isLinked = this.#tables['pin-links'].has(rowKey(nodeKey(cid), 0))
          if (isWalked(node) && mayHaveLinks(cid) && !isLinked) expanded.push(cid)
          const isReleased = this.#tables['pin-queue'].has(nodeKey(cid))
          if (isReleased !== (node.count === 0)) found.push({ kind: 'release', cid })
        }
        return nodes.length
      }
      case 'pin-queue': {
        const cid = cidOfKey(key)
        if (!this.#dependencies.ledger.nodeOf(cid)) found.push({ kind: 'release', cid })
        return 1
      }
    }
  }

  /** A block that is missing or damaged tells nothing: finding those is the business of others. */
  async #compareLinks(cid: CID): Promise<PinFault[]> {
    const { index, ledger, store } = this.#dependencies
    let links: readonly DagLink[]
    try {
      links = linksOf(cid, await store.get(cid, this.#options))
    } catch (error) {
      if (!isSkepError(error) || !TELLS_NOTHING.has(error.code)) throw error
      return []
    }
    const isRight = await index.write(() => {
      const node = ledger.nodeOf(cid)
      if (!node || !isWalked(node)) return true
      let same = 0
      for (const kept of ledger.linksOf(cid)) {
        const link = links[same]
        if (!link || Buffer.compare(nodeKey(link.cid), nodeKey(kept.cid)) !== 0) return false
        same += 1
      }
      return same === links.length
    })
    return isRight ? [] : [{ kind: 'links', cid, links }]
  }

  /** What is left of a table is taken to have entries as long as those that were read. */
  #guessTotal(table: Table, read: { entries: number; bytes: number }): number {
    const entryBytes = read.entries > 0 ? read.bytes / read.entries : GUESSED_ENTRY_BYTES
    let leftBytes = Math.max(0, this.#tables[table].size() - read.entries) * entryBytes
    for (const next of TABLES.slice(TABLES.indexOf(table) + 1)) {
      leftBytes += this.#tables[next].size() * GUESSED_ENTRY_BYTES
    }
    return this.#bytes + Math.round(leftBytes)
  }
}

const TELLS_NOTHING: ReadonlySet<string> = new Set(['BLOCK_NOT_FOUND', 'BLOCK_CORRUPT', 'DAG_INVALID'])

/** All its links should be kept. */
function isWalked({ isExpanded, isComplete }: NodeCount): boolean {
  return isExpanded || isComplete
}

function cidOf(hash: Uint8Array, { codec }: NodeCount): CID {
  return CID.createV1(codec, decodeDigest(hash))
}

/** How far a pass has come, and its tally. */
class Scan<T extends PinTally> implements LedgerObserver {
  readonly tally: T
  links = 0
  isUndone = false
  #table: Table = TABLES[0] as Table
  #last: Uint8Array | undefined
  #isOver = false

  constructor(tally: T) {
    this.tally = tally
  }

  begin(table: Table): void {
    this.#table = table
    this.#last = undefined
    this.#isOver = false
  }

  /** What comes behind the last entry of the table from now on was missed. */
  ended(): void {
    this.#isOver = true
  }

  passed(key: Uint8Array): void {
    this.#last = key
  }

  /** Where the next slice begins: a key with a zero byte behind it is the next one possible. */
  get next(): Uint8Array | undefined {
    return this.#last && Buffer.concat([this.#last, Buffer.of(0)])
  }

  owned(table: OwnerTable, key: Uint8Array, cid: CID, change: 1 | -1): void {
    if (this.#hasRead(table, key)) this.tally.add(nodeKey(cid), change)
  }

  counted(cid: CID, change: number): void {
    if (this.#hasRead('pin-counts', cid.multihash.bytes)) this.tally.add(nodeKey(cid), -change)
  }

  undone(): void {
    this.isUndone = true
  }

  #hasRead(table: Table, key: Uint8Array): boolean {
    if (table !== this.#table) return TABLES.indexOf(table) < TABLES.indexOf(this.#table)
    return this.#isOver || (this.#last !== undefined && Buffer.compare(key, this.#last) <= 0)
  }
}
