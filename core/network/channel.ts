import type { PeerId, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import * as varint from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import { isSkepError, messageOf } from '../errors.ts'
import type { EvidenceKind } from '../events.ts'
import { freshBytes } from '../owned-bytes.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { ByteQueue, MALFORMED } from './byte-queue.ts'
import { networkError } from './errors.ts'
import type { Channel } from './framing.ts'

/** Unread bytes above which the remote is made to wait; below half of it, it may go on. */
const HIGH_WATER_BYTES = 256 * 1024

/**
 * Bytes libp2p may hold of a paused stream before it resets it: what the window lets the remote send, and some to spare.
 * Mplex has no window, so this is all that bounds it there.
 */
const MAX_STREAM_BUFFER_BYTES = 4 * 1024 * 1024

/**
 * Bytes of one muxer frame. A whole window in one would make sender and receiver wait for each other in turn, and hold all
 * of it in small pieces meanwhile; go-libp2p's frames are as large.
 */
const SLICE_BYTES = 64 * 1024

export interface ChannelOptions {
  readonly maxMessageBytes: number
  /** Reset the stream after so long without a byte in either direction; absent: never. */
  readonly idleTimeoutMs?: number
}

export interface ChannelDependencies {
  readonly peer: PeerId
  readonly stream: Stream
  /** First-hand evidence against the peer. */
  report(kind: EvidenceKind, detail: string): void
}

/** A {@link Channel} over one libp2p stream. */
export class StreamChannel implements Channel {
  readonly peer: PeerId
  readonly protocol: string
  readonly #maxMessageBytes: number
  readonly #stream: Stream
  readonly #report: ChannelDependencies['report']
  readonly #gone = new AbortController()
  readonly #unread = new ByteQueue()
  /** The buffer being filled: what arrives goes straight into it. */
  #target: { readonly buffer: Uint8Array; filled: number } | undefined
  #reader: PromiseWithResolvers<void> | undefined
  #reading = false
  #resuming = false
  /** The remote said it sends no more. Without it, an end of data is a lost connection. */
  #finished: boolean
  /** Nothing more will arrive. */
  #ended = false
  #failure: Error | undefined
  /** One violation is charged once, however many come to hear of it. */
  #charged = false
  /** Settles when the write before has been taken. */
  #lastWrite: Promise<void> | undefined
  #drained: PromiseWithResolvers<void> | undefined
  #activeMs = performance.now()
  #idleTimer: NodeJS.Timeout | undefined

  constructor({ maxMessageBytes, idleTimeoutMs }: ChannelOptions, deps: ChannelDependencies) {
    const { peer, stream, report } = deps
    this.peer = peer
    this.protocol = stream.protocol
    this.#maxMessageBytes = maxMessageBytes
    this.#stream = stream
    this.#report = report
    this.#finished = stream.remoteWriteStatus === 'closed' && stream.status === 'open'
    stream.maxReadBufferLength = MAX_STREAM_BUFFER_BYTES
    stream.addEventListener('close', this.#onClose)
    stream.addEventListener('end', this.#onEnd)
    stream.addEventListener('remoteCloseWrite', this.#onFinish)
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('message', this.#onMessage)
    if (stream.readableEnded) this.#onEnd()
    if (stream.status !== 'open' && stream.status !== 'closing') this.#leave(undefined)
    else if (idleTimeoutMs !== undefined) this.#watchIdle(idleTimeoutMs)
  }

  get ended(): boolean {
    return this.#failure !== undefined || (this.#ended && this.#unread.byteLength === 0)
  }

  get signal(): AbortSignal {
    return this.#gone.signal
  }

  async read({ signal }: WaitOptions = {}): Promise<Uint8Array | undefined> {
    return this.#alone(async () => {
      const length = await this.#readLength(signal)
      return length === undefined ? undefined : await this.#take(length, signal)
    })
  }

  async readPayload(bytes: number, { signal }: WaitOptions = {}): Promise<Uint8Array> {
    return this.#alone(() => this.#take(bytes, signal))
  }

  async write(message: Uint8Array, payload?: Uint8Array, { signal }: WaitOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    const before = this.#lastWrite
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lastWrite = promise
    try {
      if (before) await settled(before, signal)
      signal?.throwIfAborted()
      const frame = new Uint8ArrayList(varint.encode(message.byteLength), message)
      if (payload) frame.append(payload)
      await this.#send(frame, signal)
    } finally {
      if (before) before.then(resolve)
      else resolve()
      if (this.#lastWrite === promise) void promise.then(() => this.#forget(promise))
    }
  }

  async close({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#lastWrite) await settled(this.#lastWrite, signal)
    if (this.#gone.signal.aborted) return
    try {
      await this.#stream.close({ signal })
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
    this.#failure ??= reason
    this.#stream.abort(reason)
  }

  /** Reads share one position in the stream, so they can't overlap. */
  async #alone<T>(read: () => Promise<T>): Promise<T> {
    if (this.#reading) throw new TypeError(`${this.protocol}: a read began before the one before it settled`)
    this.#reading = true
    try {
      return await read()
    } finally {
      this.#reading = false
    }
  }

  async #readLength(signal?: AbortSignal): Promise<number | undefined> {
    for (;;) {
      const length = this.#unread.takeVarint()
      if (length === MALFORMED) throw this.#violated('FRAME_MALFORMED', 'a message length is no valid varint')
      if (length !== undefined && length > this.#maxMessageBytes) {
        const limit = `${this.#maxMessageBytes} are the limit`
        throw this.#violated('FRAME_TOO_LARGE', `a message of ${length} bytes came, ${limit}`)
      }
      if (length !== undefined) return length
      if (this.#failure) throw this.#closedError(this.#failure)
      if (this.#ended && this.#unread.byteLength === 0) return undefined
      if (this.#ended) throw this.#closedError('it ended within a message')
      await this.#arrival(signal)
    }
  }

  async #take(bytes: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted()
    const target = { buffer: freshBytes(bytes), filled: 0 }
    target.filled = this.#unread.fill(target.buffer)
    try {
      // Set before the stream may go on: what it hands over at once comes before what arrives later.
      if (target.filled < bytes) this.#target = target
      this.#flow()
      while (target.filled < bytes) {
        if (this.#failure) throw this.#closedError(this.#failure)
        if (this.#ended) throw this.#closedError(`it ended ${bytes - target.filled} bytes early`)
        await this.#arrival(signal)
      }
    } catch (error) {
      // Half a frame is gone, so what follows has no meaning any more.
      this.abort(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    } finally {
      this.#target = undefined
    }
    return target.buffer
  }

  async #arrival(signal?: AbortSignal): Promise<void> {
    this.#reader = Promise.withResolvers()
    try {
      await settled(this.#reader.promise, signal)
    } finally {
      this.#reader = undefined
    }
  }

  #onMessage = ({ data }: StreamMessageEvent): void => {
    this.#activeMs = performance.now()
    if (data instanceof Uint8Array) this.#accept(data)
    else for (const chunk of data) this.#accept(chunk)
    this.#flow()
    const target = this.#target
    if (!target || target.filled === target.buffer.byteLength) this.#reader?.resolve()
  }

  #accept(chunk: Uint8Array): void {
    const target = this.#target
    if (!target || target.filled === target.buffer.byteLength) {
      this.#unread.push(chunk)
      return
    }
    const part = chunk.subarray(0, target.buffer.byteLength - target.filled)
    target.buffer.set(part, target.filled)
    target.filled += part.byteLength
    if (part.byteLength < chunk.byteLength) this.#unread.push(chunk.subarray(part.byteLength))
  }

  /** Pauses the stream where too much is unread, and lets it go on where there is room again. */
  #flow(): void {
    // While it resumes, libp2p hands over what it held and then opens the window whatever we said meanwhile.
    if (this.#resuming) return
    const { readStatus } = this.#stream
    if (readStatus === 'readable' && this.#unread.byteLength > HIGH_WATER_BYTES) {
      this.#stream.pause()
    } else if (readStatus === 'paused' && this.#unread.byteLength <= HIGH_WATER_BYTES / 2) {
      this.#resume()
      this.#flow()
    }
  }

  #resume(): void {
    this.#resuming = true
    try {
      this.#stream.resume()
    } catch {
      // The connection is gone and the window can't be announced; what was held has been handed over by then.
    } finally {
      this.#resuming = false
    }
  }

  #onFinish = (): void => {
    this.#finished = true
  }

  #onEnd = (): void => {
    this.#ended = true
    const { status } = this.#stream
    if (!this.#finished || status === 'aborted' || status === 'reset') {
      this.#failure ??= this.#closedError('the connection was lost')
    }
    this.#reader?.resolve()
  }

  #onClose = ({ error }: StreamCloseEvent): void => {
    this.#leave(error)
  }

  #leave(error: Error | undefined): void {
    if (this.#gone.signal.aborted) return
    clearTimeout(this.#idleTimer)
    if (error) this.#failure ??= error
    // What libp2p still holds of a stream that ended well is ours to read.
    if (!error && this.#stream.readStatus === 'paused') this.#resume()
    this.#gone.abort(this.#failure ?? this.#closedError('both sides have ended it'))
    this.#reader?.resolve()
    this.#drained?.resolve()
  }

  /** In slices, each a muxer frame: the other side gets a frame, and opens the window again, when all of it has come. */
  async #send(frame: Uint8ArrayList, signal?: AbortSignal): Promise<void> {
    for (let at = 0; at < frame.byteLength; at += SLICE_BYTES) {
      const end = Math.min(at + SLICE_BYTES, frame.byteLength)
      try {
        this.#stream.send(frame.byteLength <= SLICE_BYTES ? frame : frame.sublist(at, end))
      } catch (error) {
        throw this.#closedError(this.#failure ?? error)
      }
      this.#activeMs = performance.now()
      await this.#takesMore(signal)
    }
  }

  /** libp2p's own `onDrain()` waits only the first time. */
  async #takesMore(signal?: AbortSignal): Promise<void> {
    while (this.#stream.writableNeedsDrain) {
      if (this.#gone.signal.aborted) throw this.#closedError(this.#failure ?? 'it ended before all was sent')
      this.#drained ??= Promise.withResolvers()
      await settled(this.#drained.promise, signal)
    }
  }

  #onDrain = (): void => {
    this.#activeMs = performance.now()
    this.#drained?.resolve()
    this.#drained = undefined
  }

  #forget(write: Promise<void>): void {
    if (this.#lastWrite === write) this.#lastWrite = undefined
  }

  #watchIdle(idleTimeoutMs: number): void {
    const restMs = this.#activeMs + idleTimeoutMs - performance.now()
    if (restMs > 0) {
      this.#idleTimer = setTimeout(() => this.#watchIdle(idleTimeoutMs), Math.ceil(restMs))
      this.#idleTimer.unref()
      return
    }
    // A quiet peer has nothing to say, which is no fault; one that stops within a frame ties us up.
    const awaited = this.#reader !== undefined && (this.#target !== undefined || this.#unread.byteLength > 0)
    if (awaited || this.#drained)
      this.#report('timeout', `${this.protocol}: it stopped within a frame for ${idleTimeoutMs} ms`)
    this.abort(networkError('STREAM_CLOSED', `${this.protocol}: nothing moved for ${idleTimeoutMs} ms`))
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

/** Waits for `promise` until `signal` aborts. */
function settled(promise: Promise<void>, signal?: AbortSignal): Promise<void> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
