import { slotBytesOf, slotsPerSegment } from './size-classes.ts'

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

export function decodeSegmentRecord(bytes: Uint8Array): SegmentRecord {
  return { sizeClass: bytes[0] ?? 0, bitmap: bytes.slice(RECORD_HEADER_BYTES) }
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
  #endSlot: number
  /** Slots whose delete has not flushed yet. */
  readonly leaving = new Set<number>()
  /** Slots that held damaged blocks: not used again while the segment lives. */
  readonly quarantined = new Set<number>()
  /** Set when its last block leaves: the file is about to be unlinked. */
  retired = false
  /** Set where the disk failed to write to it: takes no new blocks, and the file stays. */
  sealed = false

  constructor(id: number, { sizeClass, bitmap }: SegmentRecord) {
    this.id = id
    this.sizeClass = sizeClass
    this.slots = slotsPerSegment(sizeClass)
    this.slotBytes = slotBytesOf(sizeClass)
    this.#taken = bitmap.slice()
    this.#takenSlots = countBits(bitmap)
    this.#endSlot = this.slots
    while (this.#endSlot > 0 && !hasBit(bitmap, this.#endSlot - 1)) this.#endSlot--
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

  /** Bytes of the file that new blocks can take without making it longer. */
  get slackBytes(): number {
    return (this.#endSlot - this.#takenSlots) * this.slotBytes
  }

  take(): Slot {
    const position = firstClearBit(this.#taken, this.slots)
    if (position === -1) throw new RangeError(`segment ${this.id} is full`)
    setBit(this.#taken, position, true)
    this.#takenSlots++
    this.#endSlot = Math.max(this.#endSlot, position + 1)
    return { segment: this.id, position }
  }

  free(position: number): void {
    this.leaving.delete(position)
    if (!hasBit(this.#taken, position)) return
    setBit(this.#taken, position, false)
    this.#takenSlots--
  }
}

/** The segment whose slot to take: the fullest that has room, so that the others drain and can be given back. */
export function chooseSegment(segments: Iterable<Segment>): Segment | undefined {
  let best: Segment | undefined
  for (const segment of segments) {
    if (segment.full || segment.retired || segment.sealed) continue
    if (!best || segment.takenSlots > best.takenSlots) best = segment
  }
  return best
}
