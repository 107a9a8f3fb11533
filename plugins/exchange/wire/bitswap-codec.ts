import { CID } from 'multiformats/cid'
import { decode as decodeVarint, encode as encodeVarint, encodingLength } from 'uint8-varint'
import { isSpellable, MAX_BLOCK_BYTES, type Protocol } from '../../../core/api.ts'
import { exchangeError } from '../errors.ts'
import { Message, PresenceType, WantType } from './bitswap.js'

export { WantType }

/**
 * Each side sends on streams that it opened itself, never on the other's. Helia and Kubo open one for each message or few,
 * many at a time where the round trip is long. https://specs.ipfs.tech/bitswap-protocol/
 */
export const BITSWAP: Protocol = {
  id: '/ipfs/bitswap/1.2.0',
  maxMessageBytes: 4 * 1024 * 1024,
  idleTimeoutMs: 120_000,
  maxStreamsPerPeer: 64,
  streamsPerSecond: 200,
  trust: 'anyone',
}

/** Entries of one want list. Kubo sends full lists in one message, and this is more than it keeps for a peer. */
export const MAX_ENTRIES = 16_384

/** Presences and blocks of one message: more than we ever have asked of a peer. */
export const MAX_PRESENCES = 16_384
export const MAX_BLOCKS = 4096

/** What Kubo accepts: a CID with an inlined block of 128 bytes fits. */
export const MAX_CID_BYTES = 168

/** Four varints: no prefix of a real CID takes as much. */
const MAX_PREFIX_BYTES = 36

/** Tags of length-delimited fields: number << 3 | 2. */
const BLOCK_TAG = (3 << 3) | 2
const BLOCK_PREFIX_TAG = (1 << 3) | 2
const BLOCK_DATA_TAG = (2 << 3) | 2

export interface BitswapEntry {
  readonly cid: CID
  /** The higher the sooner. */
  readonly priority: number
  readonly cancel: boolean
  readonly type: WantType
  /** A miss is to be answered, too. */
  readonly sendDontHave: boolean
}

export interface BitswapBlock {
  readonly version: number
  readonly codec: number
  readonly hashCode: number
  readonly digestBytes: number
  /** A view of the message. */
  readonly data: Uint8Array
}

export interface BitswapPresence {
  readonly cid: CID
  readonly held: boolean
}

export interface BitswapMessage {
  readonly entries: readonly BitswapEntry[]
  /** The entries are all that is wanted. */
  readonly full: boolean
  readonly blocks: readonly BitswapBlock[]
  readonly presences: readonly BitswapPresence[]
}

/** What is left out is empty. Blocks are given with the CID that was asked for, whose prefix tells how to find it again. */
export function encodeBitswap(message: {
  readonly entries?: readonly BitswapEntry[]
  readonly full?: boolean
  readonly blocks?: readonly { readonly cid: CID; readonly data: Uint8Array }[]
  readonly presences?: readonly BitswapPresence[]
}): Uint8Array {
  const { entries = [], full = false, blocks = [], presences = [] } = message
  return Message.encode({
    ...(entries.length > 0 || full
      ? { wantlist: { full, entries: entries.map(entry => ({ ...entry, cid: entry.cid.bytes })) } }
      : {}),
    blocks: blocks.map(({ cid, data }) => ({ prefix: prefixOf(cid), data: data as Uint8Array<ArrayBuffer> })),
    presences: presences.map(({ cid, held }) => {
      return { cid: cid.bytes, type: held ? PresenceType.HELD : PresenceType.MISSING }
    }),
  })
}

/** A message of one block without the block's bytes, which end it: they needn't be copied. Not for an empty block. */
export function encodeBlockHead(cid: CID, dataBytes: number): Uint8Array {
  const prefix = prefixOf(cid)
  const field = (tag: number, bytes: number): number[] => [tag, ...encodeVarint(bytes)]
  const head = [...field(BLOCK_PREFIX_TAG, prefix.byteLength), ...prefix, ...field(BLOCK_DATA_TAG, dataBytes)]
  return Uint8Array.from([...field(BLOCK_TAG, head.length + dataBytes), ...head])
}

/** @throws SkepError PROTOCOL_VIOLATION */
export function decodeBitswap(bytes: Uint8Array): BitswapMessage {
  try {
    const { wantlist, blocks, presences } = Message.decode(bytes, {
      limits: { wantlist: { entries: MAX_ENTRIES }, blocks: MAX_BLOCKS, presences: MAX_PRESENCES },
    })
    return {
      entries: wantlist?.entries.map(entry => ({ ...entry, cid: decodeCid(entry.cid) })) ?? [],
      full: wantlist?.full ?? false,
      blocks: blocks.map(({ prefix, data }) => decodeBlock(prefix, data)),
      presences: presences.map(({ cid, type }) => {
        return { cid: decodeCid(cid), held: type === PresenceType.HELD }
      }),
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw exchangeError('PROTOCOL_VIOLATION', `malformed message: ${reason}`, { cause })
  }
}

function prefixOf({ version, code, multihash }: CID): Uint8Array<ArrayBuffer> {
  return new Uint8Array([version, code, multihash.code, multihash.size].flatMap(n => [...encodeVarint(n)]))
}

function decodeBlock(prefix: Uint8Array, data: Uint8Array): BitswapBlock {
  if (data.byteLength > MAX_BLOCK_BYTES) throw new Error(`a block has ${data.byteLength} bytes`)
  if (prefix.byteLength > MAX_PREFIX_BYTES) throw new Error(`a prefix has ${prefix.byteLength} bytes`)
  let at = 0
  const next = (): number => {
    const number = decodeVarint(prefix, at)
    at += encodingLength(number)
    return number
  }
  const block = { version: next(), codec: next(), hashCode: next(), digestBytes: next(), data }
  if (at !== prefix.byteLength) throw new Error(`a prefix goes on after ${at} bytes`)
  if (block.version > 1) throw new Error(`a prefix has CID version ${block.version}`)
  return block
}

function decodeCid(bytes: Uint8Array): CID {
  if (bytes.byteLength > MAX_CID_BYTES) throw new Error(`a CID has ${bytes.byteLength} bytes`)
  // A copy: the bytes are part of a whole message, which a queued want would keep in memory.
  const cid = CID.decode(new Uint8Array(bytes))
  if (!isSpellable(cid)) throw new Error('a CID of version 0 has another hash than sha2-256')
  return cid
}
