import { CID } from 'multiformats/cid'
import { isSpellable, MAX_BLOCK_BYTES, type Protocol } from '../../../core/api.ts'
import { exchangeError } from '../errors.ts'
import { type Answer, Mode, Reply, Request, Status } from './blocks.js'

export { type Answer, Mode, Status }

/** The requester opens it; the holder answers. See the README for the whole conversation. */
export const PROTOCOL: Protocol = {
  id: '/skep/blocks/1.0.0',
  maxMessageBytes: 64 * 1024,
  idleTimeoutMs: 120_000,
  // A stream and a lane in use, and as many that the other side hasn't seen closing yet.
  maxStreamsPerPeer: 4,
  streamsPerSecond: 2,
  trust: 'anyone',
}

/** Entries of each list of a message. With the longest CIDs a full message stays within the protocol's message size. */
export const MAX_BATCH = 512

/** A CIDv1 with a 64 byte digest takes at most 76. */
export const MAX_CID_BYTES = 80

/** Wants one requester may have unanswered on a stream; a holder answers BUSY to more. */
export const MAX_WANTS = 4096

/** Blocks one stream asked for in vain and is told about later: beyond it the holder forgets the oldest. */
export const MAX_MISSES = 1024

export interface Want {
  readonly id: number
  readonly cid: CID
  readonly mode: Mode
  /** Payload bytes as the requester expects them; 0 where it can't tell. */
  readonly sizeHint: number
  /** BUSY is welcome where another peer was sent the block and somebody waits for others. */
  readonly patient?: boolean
}

export interface RequestMessage {
  readonly wants: readonly Want[]
  readonly cancels: readonly number[]
}

export interface ReplyMessage {
  readonly answers: readonly Answer[]
  /** Blocks answered MISSING on this stream that the holder has by now. */
  readonly haveUpdates: readonly CID[]
}

export function encodeRequest({ wants, cancels }: RequestMessage): Uint8Array {
  return Request.encode({
    wants: wants.map(({ id, cid, mode, sizeHint, patient = false }) => ({
      id,
      cid: cid.bytes,
      mode,
      sizeHint,
      patient,
    })),
    cancels: [...cancels],
  })
}

/** @throws SkepError PROTOCOL_VIOLATION */
export function decodeRequest(bytes: Uint8Array): RequestMessage {
  return decoding('request', () => {
    const { wants, cancels } = Request.decode(bytes, { limits: { wants: MAX_BATCH, cancels: MAX_BATCH } })
    if (wants.length + cancels.length === 0) throw new Error('it is empty')
    return {
      wants: wants.map(({ id, cid, mode, sizeHint, patient }) => ({
        id,
        cid: decodeCid(cid),
        mode,
        sizeHint,
        ...(patient && { patient }),
      })),
      cancels,
    }
  })
}

export function encodeReply({ answers, haveUpdates }: ReplyMessage): Uint8Array {
  return Reply.encode({ answers: [...answers], haveUpdates: haveUpdates.map(cid => cid.bytes) })
}

/** @throws SkepError PROTOCOL_VIOLATION */
export function decodeReply(bytes: Uint8Array): ReplyMessage {
  return decoding('reply', () => {
    const limits = { answers: MAX_BATCH, haveUpdates: MAX_BATCH }
    const { answers, haveUpdates } = Reply.decode(bytes, { limits })
    if (answers.length + haveUpdates.length === 0) throw new Error('it is empty')
    for (const { id, status, length } of answers) {
      if (length > MAX_BLOCK_BYTES) throw new Error(`answer ${id} announces ${length} bytes`)
      if (length > 0 && status !== Status.OK)
        throw new Error(`answer ${id} is ${status} with ${length} bytes`)
    }
    return { answers, haveUpdates: haveUpdates.map(decodeCid) }
  })
}

function decodeCid(bytes: Uint8Array): CID {
  if (bytes.byteLength > MAX_CID_BYTES) throw new Error(`a CID has ${bytes.byteLength} bytes`)
  // A copy: the bytes are part of a whole message, which a queued want would keep in memory.
  const cid = CID.decode(new Uint8Array(bytes))
  if (!isSpellable(cid)) throw new Error('a CID of version 0 has another hash than sha2-256')
  return cid
}

function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw exchangeError('PROTOCOL_VIOLATION', `malformed ${what}: ${reason}`, { cause })
  }
}
