import type { PeerId } from '@libp2p/interface'
import type { WaitOptions } from '../storage/storage.ts'

export interface WriteOptions extends WaitOptions {
  /** The payload is the channel's from now on: its memory is given back as soon as nobody needs it. */
  readonly given?: boolean
  /** The payload is the end of the message: the length in front is that of both. */
  readonly joined?: boolean
  /**
   * Asked before each part of the frame is sent, with its bytes; parts are small then. Where it rejects within a frame, the
   * stream is reset.
   */
  pace?(bytes: number): Promise<void>
}

export interface ReadOptions extends WaitOptions {
  /** Told a message's length before memory is taken for it: what it waits for, the stream waits for. Throwing resets it. */
  admit?(bytes: number): Promise<void>
}

/**
 * One stream as frames: unsigned-varint length-prefixed messages, and raw payload bytes between them where a protocol
 * announces it. Reading past a bound resets the stream and charges the peer.
 *
 * Reads don't overlap: the next begins when the one before has settled. Writes may; they leave in the order of the calls.
 */
export interface Channel {
  readonly peer: PeerId
  readonly protocol: string
  /** The remote has closed its writing side and everything was read, or the stream is gone. */
  readonly ended: boolean
  /** Aborted when the stream is gone, with the reason. */
  readonly signal: AbortSignal
  /**
   * The next message, or undefined at the clean end of the stream. The caller owns the bytes. Aborting it between two
   * messages leaves the stream usable; within one, it resets the stream.
   * @throws SkepError FRAME_TOO_LARGE, FRAME_MALFORMED, STREAM_CLOSED, and what `admit` throws
   */
  read(options?: ReadOptions): Promise<Uint8Array | undefined>
  /**
   * Exactly `bytes` raw bytes, in one fresh buffer. The caller has checked the length. Aborting it resets the stream.
   * @throws SkepError STREAM_CLOSED
   */
  readPayload(bytes: number, options?: WaitOptions): Promise<Uint8Array>
  /**
   * Queues a message, and payload right behind it, in one write. Resolves when the stream takes more. The bytes must
   * not change afterwards. A write that was aborted while it waited its turn has sent nothing.
   * @throws SkepError STREAM_CLOSED
   */
  write(message: Uint8Array, payload?: Uint8Array, options?: WriteOptions): Promise<void>
  /** Ends the writing side once what was written is sent. */
  close(options?: WaitOptions): Promise<void>
  /** Resets the stream. A reason whose code is FRAME_TOO_LARGE or FRAME_MALFORMED is charged to the peer. */
  abort(reason: Error): void
}
