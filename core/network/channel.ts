import { setTimeout as wait } from 'node:timers/promises'
import type { PeerId } from '@libp2p/interface'
import * as varint from 'uint8-varint'
import { isSkepError, messageOf } from '../errors.ts'
import type { EvidenceKind } from '../events.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { untilAborted } from '../until-aborted.ts'
import { networkError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import type { Channel, ReadOptions, WriteOptions } from './framing.ts'
import type { Pipe, PipeSink } from './pipe.ts'
import { type Stall, StallWatch } from './stall-watch.ts'

/** What a write that is paced sends at a time: a fifth of a second of the slowest uplink. */
const PART_BYTES = 16 * 1024

export interface ChannelOptions {
  /** Id of the protocol that is spoken. */
  readonly protocol: string
  readonly maxMessageBytes: number
  /** How long nothing may move in either direction; within a frame, bytes have to move at a least rate, too. */
  readonly idleTimeoutMs: number
  /** It may be quiet between frames for as long as it likes: a stream of our own. */
  readonly maySleep?: boolean
}

export interface ChannelDependencies {
  readonly peer: PeerId
  readonly pipe: Pipe
  /** First-hand evidence against the peer. */
  report(kind: EvidenceKind, detail: string): void
  /** Counts a message of so many bytes that was announced; milliseconds that it has to wait for its turn. */
  ask?(bytes: number): number
}

/** A {@link Channel} over a pipe. */
export class PipeChannel implements Channel {
  readonly peer: PeerId
  readonly protocol: string
  readonly #pipe: Pipe
  readonly #report: ChannelDependencies['report']
  readonly #ask: ChannelDependencies['ask']
  readonly #gone = new AbortController()
  readonly #reader: FrameReader
  #resuming = false
  /** One violation is charged once, however many come to hear of it. */
  #charged = false
  /** Settles when the write before has been taken. */
  #lastWrite: Promise<void> | undefined
  /** A write waits for the remote. */
  #isSending = false
  /** Writes so far, and bytes of theirs given to the pipe. */
  #writes = 0
  #givenBytes = 0
  #receivedBytes = 0
  #watchTimer: NodeJS.Timeout | undefined

  constructor(options: ChannelOptions, deps: ChannelDependencies) {
    const { protocol, maxMessageBytes, idleTimeoutMs, maySleep = false } = options
    const { peer, pipe, report, ask } = deps
    this.peer = peer
    this.protocol = protocol
    this.#pipe = pipe
    this.#report = report
    this.#ask = ask
    this.#reader = new FrameReader(
      { maxMessageBytes },
      {
        violated: (code, detail) => this.#violated(code, detail),
        closed: cause => this.#closedError(cause),
        broken: reason => this.abort(reason),
        flow: () => this.#flow(),
      },
    )
    pipe.attach(this.#sink())
    if (!this.#gone.signal.aborted) this.#watch({ idleTimeoutMs, maySleep })
  }

  get ended(): boolean {
    return this.#reader.exhausted
  }

  get signal(): AbortSignal {
    return this.#gone.signal
  }

  read(options?: ReadOptions): Promise<Uint8Array | undefined> {
    const ask = this.#ask
    if (!ask) return this.#reader.read(options)
    const admit = async (bytes: number): Promise<void> => {
      const waitMs = ask(bytes)
      if (waitMs > 0) await wait(waitMs, undefined, { signal: this.#gone.signal, ref: false })
      await options?.admit?.(bytes)
    }
    return this.#reader.read({ ...options, admit })
  }

  readPayload(bytes: number, options?: WaitOptions): Promise<Uint8Array> {
    return this.#reader.readPayload(bytes, options)
  }

  async write(
    message: Uint8Array,
    payload?: Uint8Array,
    { signal, given = false, joined = false, pace }: WriteOptions = {},
  ): Promise<void> {
    signal?.throwIfAborted()
    const before = this.#lastWrite
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lastWrite = promise
    try {
      if (before) await untilAborted(before, signal)
      signal?.throwIfAborted()
      const pieces = framed(message, payload, joined)
      if (pace) await this.#sendPaced(pieces, pace, signal)
      else await this.#send(pieces, { signal, given: given && payload !== undefined })
    } finally {
      if (before) before.then(resolve)
      else resolve()
      if (this.#lastWrite === promise) void promise.then(() => this.#forget(promise))
    }
  }

  async close({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#lastWrite) await untilAborted(this.#lastWrite, signal)
    if (this.#gone.signal.aborted) return
    try {
      await this.#pipe.close({ signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw this.#closedError(error)
    }
  }

  abort(reason: Error): void {
    if (!this.#charged && isSkepError(reason, 'FRAME_TOO_LARGE', 'FRAME_MALFORMED')) {
      this.#charged = true
      this.#report('protocol-violation', `${this.protocol}: ${reason.message}`)
    }
    if (this.#gone.signal.aborted) return
    this.#reader.fail(reason)
    this.#pipe.abort(reason)
  }

  #sink(): PipeSink {
    const reader = this.#reader
    return {
      get space() {
        return reader.space
      },
      get unreadBytes() {
        return reader.unreadBytes
      },
      filled: bytes => {
        this.#receivedBytes += bytes
        reader.filled(bytes)
      },
      accept: (chunks, options) => {
        for (const chunk of chunks) {
          this.#receivedBytes += chunk.byteLength
          reader.accept(chunk, options)
        }
        reader.arrived()
      },
      finished: failure => reader.end(failure),
      gone: reason => this.#leave(reason),
    }
  }

  #leave(reason: Error | undefined): void {
    if (this.#gone.signal.aborted) return
    clearTimeout(this.#watchTimer)
    this.#reader.fail(reason)
    // What the pipe still holds, where it ended well, is ours to read.
    if (!reason && this.#pipe.paused) this.#resume()
    this.#gone.abort(this.#reader.failure ?? this.#closedError('both sides have ended it'))
    this.#reader.wake()
  }

  async #sendPaced(
    pieces: readonly Uint8Array[],
    pace: (bytes: number) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let sent = false
    try {
      for (const part of partsOf(pieces)) {
        await pace(part.byteLength)
        await this.#send([part], { signal, given: false })
        sent = true
      }
    } catch (error) {
      if (sent) this.abort(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    }
  }

  async #send(pieces: readonly Uint8Array[], options: WaitOptions & { given: boolean }): Promise<void> {
    if (this.#gone.signal.aborted) throw this.#closedError(this.#reader.failure ?? 'both sides have ended it')
    this.#isSending = true
    for (const { byteLength } of pieces) this.#givenBytes += byteLength
    try {
      await this.#pipe.send(pieces, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      throw this.#closedError(this.#reader.failure ?? error)
    } finally {
      this.#isSending = false
      this.#writes++
    }
  }

  /** Makes the remote wait where too much is unread, and lets it go on where there is room again. */
  #flow(): void {
    // While it resumes, a pipe hands over what it held and then goes on whatever we said meanwhile.
    if (this.#resuming) return
    if (!this.#pipe.paused && this.#reader.crowded) {
      this.#pipe.pause()
    } else if (this.#pipe.paused && this.#reader.roomy) {
      this.#resume()
      this.#flow()
    }
  }

  #resume(): void {
    this.#resuming = true
    try {
      this.#pipe.resume()
    } finally {
      this.#resuming = false
    }
  }

  #forget(write: Promise<void>): void {
    if (this.#lastWrite === write) this.#lastWrite = undefined
  }

  #watch(options: { readonly idleTimeoutMs: number; readonly maySleep: boolean }): void {
    const watch = new StallWatch(options, performance.now())
    const look = (): void => {
      const reading = { bytes: this.#receivedBytes, frame: this.#reader.awaited }
      const sentBytes = this.#givenBytes - this.#pipe.unsentBytes
      const writing = { bytes: sentBytes, frame: this.#isSending ? this.#writes : undefined }
      const stall = watch.look(performance.now(), reading, writing)
      if (stall) this.#endStalled(stall, options.idleTimeoutMs)
      else this.#watchTimer = setTimeout(look, watch.everyMs).unref()
    }
    look()
  }

  #endStalled(stall: Stall, idleTimeoutMs: number): void {
    // A quiet peer has nothing to say, which is no fault; one that stops within a frame ties us up.
    const detail = {
      idle: `nothing moved for ${idleTimeoutMs} ms`,
      stalled: `it stopped within a frame for ${idleTimeoutMs} ms`,
      slow: 'a frame takes too long',
    }[stall]
    if (stall !== 'idle') this.#report('timeout', `${this.protocol}: ${detail}`)
    this.abort(networkError('STREAM_CLOSED', `${this.protocol}: ${detail}`))
  }

  #violated(code: 'FRAME_TOO_LARGE' | 'FRAME_MALFORMED', detail: string): Error {
    const error = networkError(code, `${this.protocol} with ${this.peer}: ${detail}`)
    this.abort(error)
    return error
  }

  #closedError(cause: unknown): Error {
    if (isSkepError(cause, 'STREAM_CLOSED', 'FRAME_TOO_LARGE', 'FRAME_MALFORMED')) return cause
    const message = `stream ${this.protocol} with ${this.peer} is closed: ${messageOf(cause)}`
    return networkError('STREAM_CLOSED', message, { cause })
  }
}

function* partsOf(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; at += PART_BYTES) yield piece.subarray(at, at + PART_BYTES)
  }
}

function framed(message: Uint8Array, payload: Uint8Array | undefined, joined: boolean): Uint8Array[] {
  const prefix = varint.encode(message.byteLength + (joined ? (payload?.byteLength ?? 0) : 0))
  const head = new Uint8Array(prefix.byteLength + message.byteLength)
  head.set(prefix)
  head.set(message, prefix.byteLength)
  return payload ? [head, payload] : [head]
}
