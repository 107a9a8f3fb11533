import { framed, line } from './bytes.ts'
import { Intake } from './intake.ts'
import type { Wire } from './wire.ts'

// https://github.com/hashicorp/yamux/blob/master/spec.md

export const Type = { data: 0, window: 1, ping: 2, goAway: 3 } as const
export const Flag = { none: 0, syn: 1, ack: 2, fin: 4, rst: 8 } as const

export interface Header {
  readonly type: number
  readonly flags: number
  readonly stream: number
  /** Of the data that follows; of a window: bytes more; of a ping: its number. */
  readonly length: number
}

const HEADER_BYTES = 12
/** What either side may send on a new stream. */
export const WINDOW_BYTES = 256 * 1024

export function header({ type, flags, stream, length }: Header): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeUInt8(type, 1)
  bytes.writeUInt16BE(flags, 2)
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(length, 8)
  return bytes
}

function parse(bytes: Buffer): Header {
  return {
    type: bytes.readUInt8(1),
    flags: bytes.readUInt16BE(2),
    stream: bytes.readUInt32BE(4),
    length: bytes.readUInt32BE(8),
  }
}

/** How a stream ended, as this side saw it. */
export type Ending = 'reset' | 'lost'

/** A stream that this side opened. It heeds the window of the other side only where it is told to. */
export class RawStream {
  readonly id: number
  /** Resolves when the other side has reset it, or the connection is gone. */
  readonly gone: Promise<Ending>
  readonly #wire: Wire
  readonly #intake = new Intake()
  readonly #gone = Promise.withResolvers<Ending>()
  #isGone = false
  #receivedBytes = 0
  /** Bytes that the other side takes now. */
  #window = WINDOW_BYTES
  #more = Promise.withResolvers<void>()

  constructor(id: number, wire: Wire) {
    this.id = id
    this.#wire = wire
    this.gone = this.#gone.promise
  }

  get isGone(): boolean {
    return this.#isGone
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** One frame. */
  send(bytes: Uint8Array, flags: number = Flag.none): void {
    const { byteLength: length } = bytes
    this.#window -= length
    this.#wire.send(header({ type: Type.data, flags, stream: this.id, length }), bytes)
  }

  /** A message behind its length. */
  say(message: Uint8Array): void {
    this.send(framed(message))
  }

  /** Resolves once the other side takes so many bytes, or the stream is gone. */
  async room(bytes: number): Promise<void> {
    while (this.#window < bytes && !this.#isGone) await this.#more.promise
  }

  /** Asks for a protocol, and doesn't wait: whoever speaks it may go on at once. */
  ask(protocol: string): void {
    this.send(Buffer.concat([line('/multistream/1.0.0'), line(protocol)]))
  }

  /** Asks for a protocol; false where the other side hasn't it. */
  async speak(protocol: string): Promise<boolean> {
    this.ask(protocol)
    await this.#intake.takeMessage()
    return String(await this.#intake.takeMessage()).trim() === protocol
  }

  takeMessage(): Promise<Buffer> {
    return this.#intake.takeMessage()
  }

  take(bytes: number): Promise<Buffer> {
    return this.#intake.take(bytes)
  }

  /** Lets the other side send so much more. */
  grant(bytes: number): void {
    this.#wire.send(header({ type: Type.window, flags: Flag.none, stream: this.id, length: bytes }))
  }

  /** Nothing more is sent from here. */
  finish(): void {
    this.#wire.send(header({ type: Type.window, flags: Flag.fin, stream: this.id, length: 0 }))
  }

  reset(): void {
    this.#wire.send(header({ type: Type.window, flags: Flag.rst, stream: this.id, length: 0 }))
  }

  arrived(bytes: Buffer, flags: number): void {
    this.#receivedBytes += bytes.byteLength
    if (bytes.byteLength > 0) this.#intake.push(bytes)
    if (flags & Flag.fin) this.#intake.end()
    if (flags & Flag.rst) this.ended('reset')
  }

  /** The other side takes so many bytes more. */
  granted(bytes: number): void {
    this.#window += bytes
    this.#wake()
  }

  ended(how: Ending): void {
    this.#isGone = true
    this.#wake()
    this.#intake.end()
    this.#gone.resolve(how)
  }

  #wake(): void {
    this.#more.resolve()
    this.#more = Promise.withResolvers()
  }
}

/** The muxer of one who dials, by hand: it opens streams and answers nothing that it isn't told to. */
export class RawYamux {
  readonly wire: Wire
  /** Those opened here: what the other side opens is left unanswered. */
  readonly #streams = new Map<number, RawStream>()
  #onPing: ((header: Header) => void) | undefined
  #unread: Buffer = Buffer.alloc(0)
  #nextId = 1

  constructor(wire: Wire) {
    this.wire = wire
    wire.forward({ push: bytes => this.#push(bytes), end: () => this.#end() })
  }

  get gone(): Promise<void> {
    return this.wire.gone
  }

  /** Whatever is in it. */
  frame(frame: Header, data: Uint8Array = new Uint8Array()): void {
    this.wire.send(header(frame), data)
  }

  /** A stream with the next id, or any other. The other side hears of it with the first frame. */
  open(id: number = this.#nextId): RawStream {
    this.#nextId = Math.max(this.#nextId, id + 2)
    const stream = new RawStream(id, this.wire)
    this.#streams.set(id, stream)
    this.frame({ type: Type.window, flags: Flag.syn, stream: id, length: 0 })
    return stream
  }

  onPing(listener: (header: Header) => void): void {
    this.#onPing = listener
  }

  #push(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes])
    while (this.#unread.byteLength >= HEADER_BYTES) {
      const frame = parse(this.#unread)
      const size = HEADER_BYTES + (frame.type === Type.data ? frame.length : 0)
      if (this.#unread.byteLength < size) return
      const data = this.#unread.subarray(HEADER_BYTES, size)
      this.#unread = this.#unread.subarray(size)
      if (frame.type === Type.ping) this.#onPing?.(frame)
      const stream = this.#streams.get(frame.stream)
      if (frame.type === Type.window) stream?.granted(frame.length)
      stream?.arrived(data, frame.flags)
      if (stream?.isGone) this.#streams.delete(frame.stream)
    }
  }

  #end(): void {
    for (const stream of this.#streams.values()) stream.ended('lost')
    this.#streams.clear()
  }
}
