import * as varint from 'uint8-varint'
import type { EntryAttributes } from './content.ts'

/** What the data field of a UnixFS node says. https://specs.ipfs.tech/unixfs/#data-field */
export interface UnixfsData extends EntryAttributes {
  readonly type: keyof typeof TYPES
  /** A file's own bytes, a symlink's target, a shard's bit field. */
  readonly data?: Uint8Array
  /** File bytes in the node and beneath it. */
  readonly fileSize?: number
  /** File bytes of each part. */
  readonly blockSizes?: readonly number[]
  readonly hashType?: number
  readonly fanout?: number
}

const TYPES = { directory: 1, file: 2, symlink: 4, shard: 5 } as const

/** Modes that go without saying. */
const DEFAULT_MODES = { directory: 0o755, file: 0o644, symlink: 0o644, shard: 0o755 } as const

/** Protobuf: field numbers with their wire types. */
const TAG = {
  type: 0x08,
  data: 0x12,
  fileSize: 0x18,
  blockSizes: 0x20,
  hashType: 0x28,
  fanout: 0x30,
  mode: 0x38,
  mtime: 0x42,
  seconds: 0x08,
  nanoseconds: 0x15,
} as const

/**
 * Encodes as ipfs-unixfs does, whose encoder spoils every number from 2 GiB to 4 GiB (protons-runtime 7 and 8 write one
 * byte of it and leave four as they were in memory).
 */
export function encodeData(message: UnixfsData): Uint8Array {
  const { type, data, fileSize, blockSizes = [], hashType, fanout, mode, mtimeMs } = message
  return Buffer.concat([
    ...numberField(TAG.type, TYPES[type]),
    ...(data && data.length > 0 ? bytesField(TAG.data, data) : []),
    ...numberField(TAG.fileSize, fileSize),
    ...blockSizes.flatMap(size => numberField(TAG.blockSizes, size)),
    ...numberField(TAG.hashType, hashType),
    ...numberField(TAG.fanout, fanout),
    ...numberField(TAG.mode, mode === DEFAULT_MODES[type] ? undefined : mode),
    ...(mtimeMs === undefined ? [] : bytesField(TAG.mtime, encodeTime(mtimeMs))),
  ])
}

function encodeTime(mtimeMs: number): Uint8Array {
  const seconds = Math.floor(mtimeMs / 1e3)
  const nanoseconds = Math.min(Math.round((mtimeMs - seconds * 1e3) * 1e6), 999_999_999)
  const encoded = [Uint8Array.of(TAG.seconds), encodeInt64(seconds)]
  // The specification wants a whole second without nanoseconds.
  if (nanoseconds === 0) return Buffer.concat(encoded)
  const fixed = Buffer.alloc(4)
  fixed.writeUInt32LE(nanoseconds)
  return Buffer.concat([...encoded, Uint8Array.of(TAG.nanoseconds), fixed])
}

function numberField(tag: number, value: number | undefined): Uint8Array[] {
  return value === undefined ? [] : [Uint8Array.of(tag), varint.encode(value)]
}

function bytesField(tag: number, bytes: Uint8Array): Uint8Array[] {
  return [Uint8Array.of(tag), varint.encode(bytes.length), bytes]
}

/** Protobuf's int64: a negative number is its two's complement, ten bytes long. */
function encodeInt64(value: number): Uint8Array {
  if (value >= 0) return varint.encode(value)
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.of(...bytes, Number(rest))
}
