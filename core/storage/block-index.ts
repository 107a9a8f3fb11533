import { decodeIndexEntry, encodeIndexEntry, type IndexEntry } from './index-entry.ts'
import { diskBytesOf, slotBytesOf } from './size-classes.ts'
import { decodeSegmentRecord, encodeSegmentRecord, type SegmentRecord, type Slot, setBit } from './slots.ts'
import type { BlockEntry, Bucket, KeyValueStore, WriteBatch } from './storage.ts'

export interface Counters {
  readonly blocks: number
  /** Disk bytes that blocks take, those in quarantine among them. */
  readonly usedBytes: number
}

/** A block on its way into the index. */
export interface NewBlock extends IndexEntry {
  readonly hash: Uint8Array
  /** What an inline block keeps in the index itself. */
  readonly inlineBytes?: Uint8Array
}

/** A block that was copied to another slot. */
export interface MovedBlock {
  readonly hash: Uint8Array
  readonly before: IndexEntry
  readonly slot: Slot
}

const NO_COUNTERS: Counters = { blocks: 0, usedBytes: 0 }
const COUNTERS_KEY = Buffer.from('counters')
const NEXT_SEGMENT_KEY = Buffer.from('next-segment')
const FIRST_SEGMENT = 1

/**
 * The tables that say which block lies where. Reads are synchronous; the methods that take a batch run within a
 * transaction and see what it changed so far.
 */
export class BlockIndex {
  readonly store: KeyValueStore
  readonly #meta: Bucket
  readonly #blocks: Bucket
  readonly #inline: Bucket
  readonly #segments: Bucket
  readonly #quarantine: Bucket

  constructor(store: KeyValueStore) {
    this.store = store
    this.#meta = store.bucket('meta')
    this.#blocks = store.bucket('blocks')
    this.#inline = store.bucket('inline-blocks')
    this.#segments = store.bucket('segments')
    this.#quarantine = store.bucket('quarantine')
  }

  /** Undefined also where the entry is damaged: the block counts as absent then. */
  entry(hash: Uint8Array): IndexEntry | undefined {
    const value = this.#blocks.get(hash)
    return value && readEntry(value)
  }

  /** The entry as it lies there, damaged or not. */
  value(hash: Uint8Array): Uint8Array | undefined {
    return this.#blocks.get(hash)
  }

  inlineBytes(hash: Uint8Array): Uint8Array | undefined {
    return this.#inline.get(hash)
  }

  /** Entries that are damaged are listed, too, without a size: a read of them mends them or takes them out. */
  list({ after, limit }: { after?: Uint8Array; limit?: number }): BlockEntry[] {
    // A key with a zero byte behind it is the next one possible.
    const from = after && Buffer.concat([after, Buffer.of(0)])
    return Array.from(this.#blocks.entries({ from, limit }), ([hash, value]) => ({
      hash,
      size: readEntry(value)?.length ?? 0,
    }))
  }

  counters(): Counters {
    const value = this.#meta.get(COUNTERS_KEY)
    if (!value) return NO_COUNTERS
    const bytes = Buffer.from(value)
    return { blocks: bytes.readDoubleLE(0), usedBytes: bytes.readDoubleLE(8) }
  }

  /** For a start: with what can't be true nobody may count on. @throws RangeError */
  checkCounters(): void {
    const { blocks, usedBytes } = this.counters()
    if (![blocks, usedBytes].every(count => Number.isSafeInteger(count) && count >= 0))
      throw new RangeError(`it counts ${blocks} blocks of ${usedBytes} bytes`)
  }

  /** The id that the next new segment gets. Ids are never used twice. */
  nextSegment(): number {
    const value = this.#meta.get(NEXT_SEGMENT_KEY)
    return value ? Buffer.from(value).readUInt32BE() : FIRST_SEGMENT
  }

  segments(): { id: number; record: SegmentRecord }[] {
    return Array.from(this.#segments.entries(), ([key, value]) => ({
      id: Buffer.from(key).readUInt32BE(),
      record: decodeSegmentRecord(value),
    }))
  }

  quarantined(): Slot[] {
    return Array.from(this.#quarantine.keys(), key => {
      const bytes = Buffer.from(key)
      return { segment: bytes.readUInt32BE(0), position: bytes.readUInt16BE(4) }
    })
  }

  addSegment(batch: WriteBatch, id: number, record: SegmentRecord): void {
    batch.put(this.#segments, segmentKey(id), encodeSegmentRecord(record))
    batch.put(this.#meta, NEXT_SEGMENT_KEY, segmentKey(Math.max(id + 1, this.nextSegment())))
  }

  /** Forgets a segment without blocks, and its slots in quarantine with it. */
  dropSegment(batch: WriteBatch, id: number, quarantinedBytes: number): void {
    for (const key of this.#quarantine.keys({ from: segmentKey(id), to: segmentKey(id + 1) })) {
      batch.delete(this.#quarantine, key)
    }
    batch.delete(this.#segments, segmentKey(id))
    this.#count(batch, 0, -quarantinedBytes)
  }

  addBlocks(batch: WriteBatch, blocks: readonly NewBlock[]): void {
    let usedBytes = 0
    for (const block of blocks) {
      batch.put(this.#blocks, block.hash, encodeIndexEntry(block))
      if (block.inlineBytes) batch.put(this.#inline, block.hash, block.inlineBytes)
      usedBytes += diskBytesOf(block.length)
    }
    this.#mark(batch, blocks, true)
    this.#count(batch, blocks.length, usedBytes)
  }

  /** Takes out what is held of `hashes`; gives back what it took out. */
  removeBlocks(batch: WriteBatch, hashes: readonly Uint8Array[]): IndexEntry[] {
    const removed: IndexEntry[] = []
    let usedBytes = 0
    for (const hash of hashes) {
      const entry = this.entry(hash)
      if (!entry) continue
      batch.delete(this.#blocks, hash)
      if (!entry.slot) batch.delete(this.#inline, hash)
      usedBytes += diskBytesOf(entry.length)
      removed.push(entry)
    }
    this.#mark(batch, removed, false)
    this.#count(batch, -removed.length, -usedBytes)
    return removed
  }

  /**
   * Notes where blocks lie now. Those that were deleted or moved on since stay as they are; gives back the others.
   */
  moveBlocks(batch: WriteBatch, moves: readonly MovedBlock[]): MovedBlock[] {
    const moved = moves.filter(({ hash, before }) => {
      const entry = this.entry(hash)
      return entry !== undefined && sameEntry(entry, before)
    })
    for (const { hash, before, slot } of moved)
      batch.put(this.#blocks, hash, encodeIndexEntry({ ...before, slot }))
    this.#mark(batch, moved, true)
    const left = moved.map(({ before }) => before)
    this.#mark(batch, left, false)
    return moved
  }

  /**
   * Takes out a damaged block, unless something else has taken its place. Its slot stays taken, so that nothing is
   * written to a bad sector again; inline bytes are deleted.
   * Gives back the disk bytes that came free, or undefined where nothing was taken out.
   */
  quarantine(batch: WriteBatch, hash: Uint8Array, damaged: IndexEntry): number | undefined {
    const entry = this.entry(hash)
    if (!entry || !sameEntry(entry, damaged)) return undefined
    batch.delete(this.#blocks, hash)
    if (entry.slot) batch.put(this.#quarantine, slotKey(entry.slot), hash)
    else batch.delete(this.#inline, hash)
    const freedBytes = entry.slot ? 0 : diskBytesOf(entry.length)
    this.#count(batch, -1, -freedBytes)
    return freedBytes
  }

  /** Puts right what an entry says of a block that is there. */
  replace(batch: WriteBatch, hash: Uint8Array, entry: IndexEntry): void {
    batch.put(this.#blocks, hash, encodeIndexEntry(entry))
  }

  /** A block that is there by the name `before` is another one's. */
  rename(batch: WriteBatch, before: Uint8Array, hash: Uint8Array, entry: IndexEntry): void {
    batch.delete(this.#blocks, before)
    this.replace(batch, hash, entry)
  }

  /** The same for the bytes of a small block. */
  renameInline(batch: WriteBatch, before: Uint8Array, hash: Uint8Array): void {
    const bytes = this.#inline.get(before)
    if (!bytes) return
    batch.delete(this.#inline, before)
    batch.put(this.#inline, hash, bytes)
  }

  /** Takes out an entry that leads to no block of its own. What it may have led to once stays as it is. */
  drop(batch: WriteBatch, hash: Uint8Array, entry: IndexEntry | undefined): void {
    batch.delete(this.#blocks, hash)
    this.#count(batch, -1, entry ? -diskBytesOf(entry.length) : 0)
  }

  #mark(batch: WriteBatch, entries: readonly Pick<IndexEntry, 'slot'>[], taken: boolean): void {
    const positions = Map.groupBy(
      entries.flatMap(({ slot }) => slot ?? []),
      slot => slot.segment,
    )
    for (const [id, slots] of positions) {
      const record = this.#segments.get(segmentKey(id))
      if (!record) throw new RangeError(`segment ${id} has no record in the index`)
      const { sizeClass, bitmap } = decodeSegmentRecord(record)
      for (const { position } of slots) setBit(bitmap, position, taken)
      batch.put(this.#segments, segmentKey(id), encodeSegmentRecord({ sizeClass, bitmap }))
    }
  }

  #count(batch: WriteBatch, blocks: number, usedBytes: number): void {
    if (blocks === 0 && usedBytes === 0) return
    const counters = this.counters()
    const value = Buffer.alloc(16)
    value.writeDoubleLE(counters.blocks + blocks, 0)
    value.writeDoubleLE(counters.usedBytes + usedBytes, 8)
    batch.put(this.#meta, COUNTERS_KEY, value)
  }
}

function readEntry(value: Uint8Array): IndexEntry | undefined {
  try {
    return decodeIndexEntry(value)
  } catch {
    return undefined
  }
}

export function sameEntry(a: IndexEntry, b: IndexEntry): boolean {
  return (
    a.length === b.length &&
    a.crc === b.crc &&
    a.slot?.segment === b.slot?.segment &&
    a.slot?.position === b.slot?.position
  )
}

/** Disk bytes of the slots of a segment that are in quarantine. */
export function quarantinedBytesOf(segment: { sizeClass: number; quarantined: ReadonlySet<number> }): number {
  return segment.quarantined.size * slotBytesOf(segment.sizeClass)
}

function segmentKey(id: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(id)
  return key
}

function slotKey({ segment, position }: Slot): Buffer {
  const key = Buffer.alloc(6)
  key.writeUInt32BE(segment, 0)
  key.writeUInt16BE(position, 4)
  return key
}
