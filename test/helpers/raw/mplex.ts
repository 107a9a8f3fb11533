import { encode } from 'uint8-varint'
import { framed, line } from './bytes.ts'
import { Intake } from './intake.ts'
import type { Wire } from './wire.ts'

// https://github.com/libp2p/specs/blob/master/mplex/README.md#message-format

const NEW_STREAM = 0
const MESSAGE = 2
const RESET = 6

/** The muxer without flow control, by hand, of one who dials: it opens streams and sends; what comes is not taken apart. */
export class RawMplex {
  readonly wire: Wire
  readonly #unread = new Intake()
  #nextId = 0

  constructor(wire: Wire) {
    this.wire = wire
    wire.forward(this.#unread)
  }

  get gone(): Promise<void> {
    return this.wire.gone
  }

  /** A new stream's id. */
  open(): number {
    const id = this.#nextId++
    this.#send(id, NEW_STREAM, Buffer.from(String(id)))
    return id
  }

  /** Asks for a protocol, and doesn't wait: whoever speaks it may go on at once. */
  ask(stream: number, protocol: string): void {
    this.send(stream, Buffer.concat([line('/multistream/1.0.0'), line(protocol)]))
  }

  send(stream: number, bytes: Uint8Array): void {
    this.#send(stream, MESSAGE, bytes)
  }

  reset(stream: number): void {
    this.#send(stream, RESET, new Uint8Array())
  }

  #send(stream: number, type: number, bytes: Uint8Array): void {
    this.wire.send(encode((stream << 3) | type), framed(bytes))
  }
}
