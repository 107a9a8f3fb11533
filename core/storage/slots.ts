import { diskBytesOfFile, slotBytesOf, slotsPerSegment } from './size-classes.ts'

/** One place for a block. */
export interface Slot {
  readonly segment: number
  /** Counted from 0. */
  readonly position: number
}

/** A segment's record in the index: size class (1 byte), zeros (3), then one bit a slot, lowest first. */
export interface SegmentRecord {
  readonly sizeClass: number
  /** Set: the slot holds a block, or is in quarantine. */
  readonly bitmap: Uint8Array
}

const RECORD_HEADER_BYTES = 4

export function emptyRecord(sizeClass: number): SegmentRecord {
  return { sizeClass, bitmap: new Uint8Array(Math.ceil(slotsPerSegment(sizeClass) / 8)) }
}

export function encodeSegmentRecord({ sizeClass, bitmap }: SegmentRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + bitmap.length)
  bytes[0] = sizeClass
  bytes.set(bitmap, RECORD_HEADER_BYTES)
  return bytes
}

/** @throws RangeError where it is no segment's record: only a damaged index has such */
export function decodeSegmentRecord(bytes: Uint8Array): SegmentRecord {
  const sizeClass = bytes[0] ?? -1
  const slots = slotsPerSegment(sizeClass)
  const bitmap = bytes.slice(RECORD_HEADER_BYTES)
  const isWhole = bitmap.length === Math.ceil(slots / 8) && endOf(bitmap, bitmap.length * 8) <= slots
  if (!isWhole)
    throw new RangeError(`a segment's record of ${bytes.length} bytes for size class ${sizeClass}`)
  return { sizeClass, bitmap }
}

export function hasBit(bitmap: Uint8Array, position: number): boolean {
  return ((bitmap[position >>> 3] ?? 0) & (1 << (position & 7))) !== 0
}

export function setBit(bitmap: Uint8Array, position: number, value: boolean): void {
  const byte = bitmap[position >>> 3] ?? 0
  bitmap[position >>> 3] = value ? byte | (1 << (position & 7)) : byte & ~(1 << (position & 7))
}

export function countBits(bitmap: Uint8Array): number {
  let count = 0
  for (let byte of bitmap) for (; byte; byte &= byte - 1) count++
  return count
}

/** The lowest clear bit below `length`, or -1. */
export function firstClearBit(bitmap: Uint8Array, length: number): number {
  const index = bitmap.findIndex(byte => byte !== 0xff)
  if (index === -1) return -1
  const byte = bitmap[index] ?? 0
  const lowestClear = ~byte & (byte + 1)
  const position = index * 8 + 31 - Math.clz32(lowestClear)
  return position < length ? position : -1
}

/** One segment file, as the allocator sees it. */
export class Segment {
  readonly id: number
  readonly sizeClass: number
  readonly slots: number
  readonly slotBytes: number
  /** Slots in a block's use, on its way in or out, or in quarantine. */
  readonly #taken: Uint8Array
  #takenSlots: number
  #lengthSlots: number
  /** Slots whose block is on its way into the index. */
  readonly arriving = new Set<number>()
  /** Slots whose delete has not flushed yet. */
  readonly leaving = new Set<number>()
  /** Slots that held damaged blocks: not used again while the segment lives. */
  readonly quarantined = new Set<number>()
  /** Slots whose block can't be moved, as what the slot says of itself is damaged. */
  readonly stuck = new Set<number>()
  /** Set when its last block leaves: the file is about to be unlinked. */
  retired = false
  /** Set where the disk failed to write to it: takes no new blocks, and the file stays. */
  sealed = false
  /** Set while its file is made shorter: takes no new blocks meanwhile. */
  shrinking = false

  /** `fileBytes`: of its file, where that is there already. */
  constructor(id: number, { sizeClass, bitmap }: SegmentRecord, fileBytes = 0) {
    this.id = id
    this.sizeClass = sizeClass
    this.slots = slotsPerSegment(sizeClass)
    this.slotBytes = slotBytesOf(sizeClass)
    this.#taken = bitmap.slice()
    this.#takenSlots = countBits(bitmap)
    this.#lengthSlots = Math.max(endOf(bitmap, this.slots), Math.ceil(fileBytes / this.slotBytes))
  }

  get takenSlots(): number {
    return this.#takenSlots
  }

  get full(): boolean {
    return this.#takenSlots === this.slots
  }

  /** Nothing in it but what is leaving or damaged. */
  get abandoned(): boolean {
    return !this.sealed && this.#takenSlots === this.leaving.size + this.quarantined.size
  }

  /** Slots of the file, free ones among them. */
  get lengthSlots(): number {
    return this.#lengthSlots
  }

  /** Slots up to the last one taken: what lies behind can be cut off. */
  get endSlot(): number {
    return endOf(this.#taken, this.#lengthSlots)
  }

  get freeSlots(): number {
    return this.sealed || this.retired ? 0 : this.#lengthSlots - this.#takenSlots
  }

  /** Bytes of the file that new blocks can take without making it longer. */
  get slackBytes(): number {
    return this.freeSlots * this.slotBytes
  }

  /** Bytes that the file takes at most, with what the file system notes of it. */
  get diskBytes(): number {
    return diskBytesOfFile(this.#lengthSlots * this.slotBytes)
  }

  isTaken(position: number): boolean {
    return hasBit(this.#taken, position)
  }

  /** Makes the file one slot longer, or shorter where `slots` are fewer; those cut off are free. */
  resize(slots: number): void {
    this.#lengthSlots = slots
  }

  /** The lowest free slot, or the one at `position`, which is free. */
  take(position = firstClearBit(this.#taken, this.#lengthSlots)): Slot {
    if (position === -1) throw new RangeError(`segment ${this.id} has no free slot`)
    setBit(this.#taken, position, true)
    this.#takenSlots++
    this.arriving.add(position)
    return { segment: this.id, position }
  }

  free(position: number): void {
    this.leaving.delete(position)
    this.arriving.delete(position)
    this.stuck.delete(position)
    if (!hasBit(this.#taken, position)) return
    setBit(this.#taken, position, false)
    this.#takenSlots--
  }
}

/** One more than the last bit that is set among the first `slots`; 0 where there is none. */
export function endOf(bitmap: Uint8Array, slots: number): number {
  let end = slots
  while (end > 0 && !hasBit(bitmap, end - 1)) end--
  return end
}

/** The segment whose free slot to take: the fullest that has one, so that the others drain and can be given back. */
export function chooseSegment(segments: Iterable<Segment>): Segment | undefined {
  let best: Segment | undefined
  for (const segment of segments) {
    if (segment.freeSlots === 0 || segment.shrinking) continue
    if (!best || segment.takenSlots > best.takenSlots) best = segment
  }
  return best
}

/** The segment to make longer, up to `maxBytes`: the longest that may grow. */
export function chooseGrowth(segments: Iterable<Segment>, maxBytes: number): Segment | undefined {
  let best: Segment | undefined
  for (const segment of segments) {
    if (segment.sealed || segment.retired || segment.shrinking || segment.lengthSlots >= segment.slots)
      continue
    if ((segment.lengthSlots + 1) * segment.slotBytes > maxBytes) continue
    if (!best || segment.lengthSlots > best.lengthSlots) best = segment
  }
  return best
}
