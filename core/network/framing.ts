import type { PeerId } from '@libp2p/interface'
import type { WaitOptions } from '../storage/storage.ts'

/**
 * One stream as frames: unsigned-varint length-prefixed messages, and raw payload bytes between them where a protocol
 * announces it. Reading past a bound resets the stream and charges the peer.
 */
export interface Channel {
  readonly peer: PeerId
  readonly protocol: string
  /** The remote has closed its writing side and everything was read, or the stream is gone. */
  readonly ended: boolean
  /** Aborted when the stream is gone, with the reason. */
  readonly signal: AbortSignal
  /**
   * The next message, or undefined at the clean end of the stream.
   * @throws SkepError FRAME_TOO_LARGE, FRAME_MALFORMED, STREAM_CLOSED
   */
  read(options?: WaitOptions): Promise<Uint8Array | undefined>
  /** Exactly `bytes` raw bytes, in one fresh buffer. The caller has checked the length. */
  readPayload(bytes: number, options?: WaitOptions): Promise<Uint8Array>
  /** Queues a message, and payload right behind it, in one write. Resolves when the stream takes more. */
  write(message: Uint8Array, payload?: Uint8Array, options?: WaitOptions): Promise<void>
  /** Ends the writing side once what was written is sent. */
  close(options?: WaitOptions): Promise<void>
  /** Resets the stream. */
  abort(reason: Error): void
}
