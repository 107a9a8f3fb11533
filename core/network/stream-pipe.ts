import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { WaitOptions } from '../storage/storage.ts'
import { untilAborted } from '../until-aborted.ts'
import { keepsBytesOf } from './held-bytes.ts'
import type { Pipe, PipeSink } from './pipe.ts'

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

/** A libp2p stream. */
export class StreamPipe implements Pipe {
  readonly #stream: Stream
  #sink: PipeSink | undefined
  /** The remote said it sends no more. Without it, an end of data is a lost connection. */
  #finished: boolean
  #isGone = false
  #drained: PromiseWithResolvers<void> | undefined

  constructor(stream: Stream) {
    this.#stream = stream
    this.#finished = stream.remoteWriteStatus === 'closed' && stream.status === 'open'
  }

  get paused(): boolean {
    return this.#stream.readStatus === 'paused'
  }

  get unsentBytes(): number {
    return this.#stream.writeBufferLength
  }

  attach(sink: PipeSink): void {
    const stream = this.#stream
    this.#sink = sink
    keepsBytesOf(stream, () => sink.unreadBytes)
    stream.maxReadBufferLength = MAX_STREAM_BUFFER_BYTES
    stream.addEventListener('close', this.#onClose)
    stream.addEventListener('end', this.#onEnd)
    stream.addEventListener('remoteCloseWrite', this.#onFinish)
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('message', this.#onMessage)
    if (stream.readableEnded) this.#onEnd()
    if (stream.status !== 'open' && stream.status !== 'closing') this.#leave(undefined)
  }

  /** In slices, each a muxer frame: the other side gets a frame, and opens the window again, when all of it has come. */
  async send(pieces: readonly Uint8Array[], { signal }: WaitOptions): Promise<void> {
    const frame = new Uint8ArrayList(...pieces)
    for (let at = 0; at < frame.byteLength; at += SLICE_BYTES) {
      const end = Math.min(at + SLICE_BYTES, frame.byteLength)
      this.#stream.send(frame.byteLength <= SLICE_BYTES ? frame : frame.sublist(at, end))
      await this.#takesMore(signal)
    }
  }

  pause(): void {
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  resume(): void {
    try {
      this.#stream.resume()
    } catch {
      // The connection is gone and the window can't be announced; what was held has been handed over by then.
    }
  }

  async close(options: WaitOptions): Promise<void> {
    await this.#stream.close(options)
  }

  abort(reason: Error): void {
    this.#stream.abort(reason)
  }

  /** libp2p's own `onDrain()` waits only the first time. */
  async #takesMore(signal?: AbortSignal): Promise<void> {
    while (this.#stream.writableNeedsDrain) {
      if (this.#isGone) throw new Error('it ended before all was sent')
      this.#drained ??= Promise.withResolvers()
      await untilAborted(this.#drained.promise, signal)
    }
  }

  #onMessage = ({ data }: StreamMessageEvent): void => {
    this.#sink?.accept(data instanceof Uint8Array ? [data] : data)
  }

  #onFinish = (): void => {
    this.#finished = true
  }

  #onEnd = (): void => {
    const { status } = this.#stream
    const isLost = !this.#finished || status === 'aborted' || status === 'reset'
    this.#sink?.finished(isLost ? new Error('the connection was lost') : undefined)
  }

  #onDrain = (): void => {
    this.#drained?.resolve()
    this.#drained = undefined
  }

  #onClose = ({ error }: StreamCloseEvent): void => {
    this.#leave(error)
  }

  #leave(error: Error | undefined): void {
    this.#isGone = true
    this.#sink?.gone(error)
    this.#drained?.resolve()
  }
}
