import { messageOf } from '../errors.ts'
import { freshBytes } from '../owned-bytes.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { untilAborted } from '../until-aborted.ts'
import { ByteQueue, MALFORMED } from './byte-queue.ts'
import type { ReadOptions } from './framing.ts'

/** Memory for what is unread above which the remote is made to wait; below half of it, it may go on. */
const HIGH_WATER_BYTES = 256 * 1024

export interface FrameReaderDependencies {
  /** What the remote did wrong, as the error to throw. */
  violated(code: 'FRAME_TOO_LARGE' | 'FRAME_MALFORMED', detail: string): Error
  /** The error of a stream that is no more. */
  closed(cause: unknown): Error
  /** Called within a frame that can't be read to its end: what follows has no meaning any more. */
  broken(reason: Error): void
  /** There may be room for more, or no longer. */
  flow(): void
}

/** Cuts what arrives into messages and payloads. What belongs to a payload that is being read goes straight into it. */
export class FrameReader {
  readonly #maxMessageBytes: number
  readonly #deps: FrameReaderDependencies
  readonly #unread = new ByteQueue()
  /** The buffer being filled. */
  #target: { readonly buffer: Uint8Array; filled: number } | undefined
  #reader: PromiseWithResolvers<void> | undefined
  #reading = false
  #ended = false
  #frames = 0
  #failure: Error | undefined

  constructor(options: { readonly maxMessageBytes: number }, deps: FrameReaderDependencies) {
    this.#maxMessageBytes = options.maxMessageBytes
    this.#deps = deps
  }

  /** Nothing is left to read and nothing will come. */
  get exhausted(): boolean {
    return this.#failure !== undefined || (this.#ended && this.#unread.byteLength === 0)
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** More is unread than should be. */
  get crowded(): boolean {
    return this.#unread.heldBytes > HIGH_WATER_BYTES
  }

  /** There is room again for a good deal. */
  get roomy(): boolean {
    return this.#unread.heldBytes <= HIGH_WATER_BYTES / 2
  }

  /** Memory held for what is unread. */
  get unreadBytes(): number {
    return this.#unread.heldBytes
  }

  /** Number of the frame whose rest somebody waits for; undefined where nobody does. */
  get awaited(): number | undefined {
    const awaitsRest = this.#reader && (this.#target !== undefined || this.#unread.byteLength > 0)
    return awaitsRest ? this.#frames : undefined
  }

  /** Where the next bytes belong; undefined where nobody knows yet. Tell `filled` what was put there. */
  get space(): Uint8Array | undefined {
    const target = this.#target
    return target && target.filled < target.buffer.byteLength
      ? target.buffer.subarray(target.filled)
      : undefined
  }

  filled(bytes: number): void {
    const target = this.#target
    if (!target) throw new TypeError('there was no space to fill')
    target.filled += bytes
    this.#arrived()
  }

  /** Bytes that arrived, in any chunks. They are kept as they are until they are read, or copied where they are `lent`. */
  accept(chunk: Uint8Array, { lent = false } = {}): void {
    const { space } = this
    const part = space ? chunk.subarray(0, space.byteLength) : undefined
    if (space && part && this.#target) {
      space.set(part)
      this.#target.filled += part.byteLength
    }
    const rest = part ? chunk.subarray(part.byteLength) : chunk
    // A Buffer's slice() would be a view.
    if (rest.byteLength > 0) this.#unread.push(lent ? new Uint8Array(rest) : rest)
  }

  /** Wakes who waits: to be called after one or more `accept`. */
  arrived(): void {
    this.#deps.flow()
    this.#arrived()
  }

  /** Nothing more will arrive: with a `failure`, before its time. */
  end(failure?: Error): void {
    this.#ended = true
    this.fail(failure)
    this.#reader?.resolve()
  }

  /** Reads fail from now on. The first reason stays. */
  fail(reason: Error | undefined): void {
    this.#failure ??= reason
    if (reason) this.#reader?.resolve()
  }

  wake(): void {
    this.#reader?.resolve()
  }

  /** The next message; undefined at the clean end. */
  read({ signal, admit }: ReadOptions = {}): Promise<Uint8Array | undefined> {
    return this.#alone(async () => {
      const length = await this.#readLength(signal)
      if (length === undefined) return undefined
      if (admit) await this.#withinFrame(() => admit(length))
      return this.#take(length, signal)
    })
  }

  readPayload(bytes: number, { signal }: WaitOptions = {}): Promise<Uint8Array> {
    return this.#alone(() => this.#take(bytes, signal))
  }

  #arrived(): void {
    const target = this.#target
    if (!target || target.filled === target.buffer.byteLength) this.#reader?.resolve()
  }

  /** Reads share one position in the stream, so they can't overlap. */
  async #alone<T>(read: () => Promise<T>): Promise<T> {
    if (this.#reading) throw new TypeError('a read began before the one before it settled')
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
      if (length === MALFORMED) {
        throw this.#deps.violated('FRAME_MALFORMED', 'a message length is no valid varint')
      }
      if (length !== undefined && length > this.#maxMessageBytes) {
        const limit = `${this.#maxMessageBytes} are the limit`
        throw this.#deps.violated('FRAME_TOO_LARGE', `a message of ${length} bytes came, ${limit}`)
      }
      if (length !== undefined) return length
      if (this.#failure) throw this.#deps.closed(this.#failure)
      if (this.#ended && this.#unread.byteLength === 0) return undefined
      if (this.#ended) throw this.#deps.closed('it ended within a message')
      await this.#arrival(signal)
    }
  }

  async #take(bytes: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted()
    const target = { buffer: freshBytes(bytes), filled: 0 }
    target.filled = this.#unread.fill(target.buffer)
    try {
      await this.#withinFrame(async () => {
        // Set before the stream may go on: what it hands over at once comes before what arrives later.
        if (target.filled < bytes) this.#target = target
        this.#deps.flow()
        while (target.filled < bytes) {
          if (this.#failure) throw this.#deps.closed(this.#failure)
          if (this.#ended) throw this.#deps.closed(`it ended ${bytes - target.filled} bytes early`)
          await this.#arrival(signal)
        }
      })
    } finally {
      this.#target = undefined
    }
    this.#frames++
    return target.buffer
  }

  async #withinFrame(read: () => Promise<void>): Promise<void> {
    try {
      await read()
    } catch (error) {
      this.#deps.broken(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    }
  }

  async #arrival(signal?: AbortSignal): Promise<void> {
    this.#reader = Promise.withResolvers()
    try {
      await untilAborted(this.#reader.promise, signal)
    } finally {
      this.#reader = undefined
    }
  }
}
