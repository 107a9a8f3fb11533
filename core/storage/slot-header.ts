import { crc32 } from 'node:zlib'
import { MAX_HASH_BYTES, SLOT_HEADER_BYTES } from './size-classes.ts'

/** What a slot says of the block behind it: enough to make the index again. */
export interface SlotHeader {
  readonly hash: Uint8Array
  /** Payload bytes. */
  readonly length: number
  /** CRC-32 of the payload. */
  readonly crc: number
}

const MAGIC = 0x42504b53 // 'SKPB'
const VERSION = 1

/** Offsets of the fields; numbers are little endian. The table in README.md mirrors them. */
const AT = {
  magic: 0,
  version: 4,
  hashLength: 5,
  length: 8,
  crc: 12,
  hash: 16,
  headerCrc: SLOT_HEADER_BYTES - 4,
}

export function encodeSlotHeader({ hash, length, crc }: SlotHeader): Uint8Array {
  const header = Buffer.alloc(SLOT_HEADER_BYTES)
  header.writeUInt32LE(MAGIC, AT.magic)
  header.writeUInt8(VERSION, AT.version)
  header.writeUInt8(hash.length, AT.hashLength)
  header.writeUInt32LE(length, AT.length)
  header.writeUInt32LE(crc, AT.crc)
  header.set(hash, AT.hash)
  header.writeUInt32LE(crc32(header.subarray(0, AT.headerCrc)), AT.headerCrc)
  return header
}

/** The header in the first bytes of `slot`, or undefined where there is none that holds together. */
export function decodeSlotHeader(slot: Uint8Array): SlotHeader | undefined {
  if (slot.length < SLOT_HEADER_BYTES) return undefined
  const header = Buffer.from(slot.buffer, slot.byteOffset, SLOT_HEADER_BYTES)
  const hashLength = header.readUInt8(AT.hashLength)
  if (header.readUInt32LE(AT.magic) !== MAGIC || header.readUInt8(AT.version) !== VERSION) return undefined
  if (header.readUInt32LE(AT.headerCrc) !== crc32(header.subarray(0, AT.headerCrc))) return undefined
  if (hashLength === 0 || hashLength > MAX_HASH_BYTES) return undefined
  return {
    hash: new Uint8Array(header.subarray(AT.hash, AT.hash + hashLength)),
    length: header.readUInt32LE(AT.length),
    crc: header.readUInt32LE(AT.crc),
  }
}
