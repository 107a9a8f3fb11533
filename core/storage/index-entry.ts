import { isInline, MAX_BLOCK_BYTES } from './size-classes.ts'
import type { Slot } from './slots.ts'

/** What the index knows of one block: where it lies, how long it is, and its checksum. */
export interface IndexEntry {
  /** Undefined: in the bucket of inline blocks. */
  readonly slot: Slot | undefined
  /** Payload bytes. */
  readonly length: number
  /** CRC-32 of the payload. */
  readonly crc: number
}

const INDEX_ENTRY_BYTES = 16
const KIND = { inline: 1, segment: 2 } as const

/** Kind (1 byte), zero (1), slot (2), length (4), CRC-32 (4), segment (4); little endian. */
export function encodeIndexEntry({ slot, length, crc }: IndexEntry): Uint8Array {
  const bytes = Buffer.alloc(INDEX_ENTRY_BYTES)
  bytes.writeUInt8(slot ? KIND.segment : KIND.inline, 0)
  bytes.writeUInt16LE(slot?.position ?? 0, 2)
  bytes.writeUInt32LE(length, 4)
  bytes.writeUInt32LE(crc, 8)
  bytes.writeUInt32LE(slot?.segment ?? 0, 12)
  return bytes
}

/** @throws RangeError where it is no index entry: only a damaged index has such */
export function decodeIndexEntry(value: Uint8Array): IndexEntry {
  if (value.length !== INDEX_ENTRY_BYTES) throw new RangeError(`an index entry of ${value.length} bytes`)
  const bytes = Buffer.from(value)
  const kind = bytes.readUInt8(0)
  const length = bytes.readUInt32LE(4)
  const isOfKind = kind === (isInline(length) ? KIND.inline : KIND.segment) && bytes[1] === 0
  const isNowhere = bytes.readUInt16LE(2) === 0 && bytes.readUInt32LE(12) === 0
  if (!isOfKind || length > MAX_BLOCK_BYTES || (isInline(length) && !isNowhere))
    throw new RangeError(`an index entry of kind ${kind} for ${length} bytes`)
  return {
    slot:
      kind === KIND.segment
        ? { segment: bytes.readUInt32LE(12), position: bytes.readUInt16LE(2) }
        : undefined,
    length,
    crc: bytes.readUInt32LE(8),
  }
}

/** Where an entry that is damaged may have led to: what it says, with and without any one bit of that. */
export function* slotsNear(value: Uint8Array): Generator<Slot> {
  if (value.length !== INDEX_ENTRY_BYTES) return
  const bytes = Buffer.from(value)
  const read = (): Slot => ({ segment: bytes.readUInt32LE(12), position: bytes.readUInt16LE(2) })
  yield read()
  for (const at of [2, 3, 12, 13, 14, 15]) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      bytes[at] = (bytes[at] ?? 0) ^ bit
      yield read()
      bytes[at] = (bytes[at] ?? 0) ^ bit
    }
  }
}
