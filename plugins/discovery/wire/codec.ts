import { defineProtocol, type MessageProtocol } from '../../../core/api.ts'
import * as wire from './peers.js'

export interface Question {
  /** Signed records, the sender's own among them. */
  readonly records: readonly Uint8Array[]
  /** Records that it would like to have; 0: it only tells. */
  readonly wanted: number
}

export interface Answer {
  readonly records: readonly Uint8Array[]
}

/** Records of one message, either way. */
export const MAX_RECORDS = 32

/** Of one record: an RSA key, a signature and sixteen addresses fit. */
export const MAX_RECORD_BYTES = 2048

/** As many records of that size, each with its tag and length, and the rest of the message. */
const MAX_MESSAGE_BYTES = MAX_RECORDS * (MAX_RECORD_BYTES + 4) + 16

/** Between two questions to one peer: half as often as it takes them, since they may arrive closer together. */
export const MIN_QUESTION_GAP_MS = 2000

/** Whoever is connected may ask and tell; what is told to whom is the plugin's to say. */
export const peersProtocol: MessageProtocol<Question, Answer> = defineProtocol<Question, Answer>({
  id: '/skep/peers/1.0.0',
  request: {
    encode: ({ records, wanted }) => wire.Question.encode({ records: plain(records), wanted }),
    decode: bytes => wire.Question.decode(bytes, { limits: { records: MAX_RECORDS } }),
  },
  response: {
    encode: ({ records }) => wire.Answer.encode({ records: plain(records) }),
    decode: bytes => wire.Answer.decode(bytes, { limits: { records: MAX_RECORDS } }),
  },
  limits: {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    idleTimeoutMs: 10_000,
    maxStreamsPerPeer: 2,
    streamsPerSecond: 1,
    trust: 'anyone',
    timeoutMs: 10_000,
  },
})

/** protons declares that it wants memory which nobody shares; it only reads. */
function plain(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
  return records as Uint8Array<ArrayBuffer>[]
}
