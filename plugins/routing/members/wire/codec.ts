import { messageOf, type Protocol } from '../../../../core/api.ts'
import { membersError } from '../errors.ts'
import { FINGERPRINT_BYTES, KEY_BYTES } from '../fingerprint.ts'
import { Subscribe, Update } from './index.js'

/** The reader opens it; the holder tells what it holds. See the README for the whole conversation. */
export const PROTOCOL: Protocol = {
  id: '/skep/index/1.0.0',
  maxMessageBytes: 32 * 1024,
  // Nothing is said while nothing changes; whether the peer is alive is told by the connection.
  idleTimeoutMs: 24 * 3_600_000,
  // One in use, and one that this side hasn't seen closing yet.
  maxStreamsPerPeer: 2,
  streamsPerSecond: 2,
  trust: 'own',
}

/** Fingerprints of a message, added and removed: with them it stays within the protocol's message size. */
export const MAX_FINGERPRINTS = 4096

/** What a reader knows of a holder. */
export interface Position {
  readonly epoch: Uint8Array<ArrayBuffer>
  readonly sequence: number
}

export interface SubscribeMessage {
  /** Absent where nothing is known. */
  readonly known?: Position
  readonly maxBlocks: number
}

/** Goes before all that follows from `sequence` on; `snapshot`: what was known before is void. */
export interface StartMessage extends Position {
  readonly kind: 'start'
  readonly snapshot: boolean
  /** About as many does the snapshot tell of. */
  readonly blocks: number
}

/** Part of a snapshot. */
export interface PartMessage {
  readonly kind: 'part'
  /** Packed fingerprints. */
  readonly added: Uint8Array<ArrayBuffer>
  readonly complete: boolean
}

/** What changed since the message before. */
export interface ChangeMessage {
  readonly kind: 'change'
  /** From 1 on. */
  readonly sequence: number
  /** Packed fingerprints. */
  readonly added: Uint8Array<ArrayBuffer>
  readonly removed: Uint8Array<ArrayBuffer>
}

export type UpdateMessage = StartMessage | PartMessage | ChangeMessage

export function encodeSubscribe({ known, maxBlocks }: SubscribeMessage): Uint8Array {
  return Subscribe.encode({ ...known, maxBlocks })
}

/** @throws SkepError INDEX_VIOLATION */
export function decodeSubscribe(bytes: Uint8Array): SubscribeMessage {
  return decoding('subscription', () => {
    const { epoch, sequence, maxBlocks } = Subscribe.decode(bytes)
    if (epoch.length === 0) return { maxBlocks }
    return { known: { epoch: epochOf(epoch), sequence }, maxBlocks }
  })
}

export function encodeUpdate(message: UpdateMessage): Uint8Array {
  if (message.kind === 'start') return Update.encode({ start: message })
  return Update.encode(message)
}

/** @throws SkepError INDEX_VIOLATION */
export function decodeUpdate(bytes: Uint8Array): UpdateMessage {
  return decoding('update', () => {
    const { start, sequence, added, removed, complete } = Update.decode(bytes)
    if (start) {
      if (sequence > 0 || added.length + removed.length > 0 || complete)
        throw new Error('a start says more than that')
      return { kind: 'start', ...start, epoch: epochOf(start.epoch) }
    }
    checkFingerprints(added, removed)
    if (added.length + removed.length === 0 && !complete) throw new Error('it is empty')
    if (sequence > 0) {
      if (complete) throw new Error('a change completes a snapshot')
      return { kind: 'change', sequence, added, removed }
    }
    if (removed.length > 0) throw new Error('part of a snapshot removes something')
    return { kind: 'part', added, complete }
  })
}

function epochOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length !== KEY_BYTES) throw new Error(`an epoch has ${bytes.length} bytes, not ${KEY_BYTES}`)
  // A copy: the bytes are part of a whole message.
  return new Uint8Array(bytes)
}

function checkFingerprints(added: Uint8Array, removed: Uint8Array): void {
  for (const { length } of [added, removed])
    if (length % FINGERPRINT_BYTES !== 0) throw new Error(`${length} bytes are no whole fingerprints`)
  const count = (added.length + removed.length) / FINGERPRINT_BYTES
  if (count > MAX_FINGERPRINTS) throw new Error(`it has ${count} fingerprints, more than ${MAX_FINGERPRINTS}`)
}

function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    throw membersError('INDEX_VIOLATION', `malformed ${what}: ${messageOf(cause)}`, { cause })
  }
}
