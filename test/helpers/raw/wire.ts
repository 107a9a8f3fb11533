import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { Intake } from './intake.ts'

/** Where to knock, and from which of this machine's addresses. */
export interface Place {
  readonly host: string
  readonly port: number
  readonly localAddress?: string
}

/** Bytes to and from a node as they are. Nothing is sent that wasn't asked for; what comes waits until somebody takes it. */
export class Wire {
  readonly stream: Duplex
  /** Resolves when either side has ended it. */
  readonly gone: Promise<void>
  #intake: { push(bytes: Buffer): void; end(): void } & Partial<Intake>
  #receivedBytes = 0
  #isGone = false

  constructor(stream: Duplex) {
    this.stream = stream
    this.#intake = new Intake()
    // Whoever attacks expects to be cut off.
    stream.on('error', () => {})
    stream.on('data', this.#onData)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.gone = promise
    const end = (): void => {
      this.#isGone = true
      this.#intake.end()
      resolve()
    }
    if (stream.destroyed) end()
    else stream.once('close', end).once('end', end)
  }

  get isGone(): boolean {
    return this.#isGone
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  send(...pieces: readonly Uint8Array[]): void {
    if (!this.#isGone) this.stream.write(Buffer.concat(pieces))
  }

  /** Resolves once this side takes more to send, or it has ended. */
  async drained(): Promise<void> {
    if (!this.stream.writableNeedDrain || this.#isGone) return
    await Promise.race([once(this.stream, 'drain').catch(() => {}), this.gone])
  }

  /** The next `bytes`. Rejects where it ends before. */
  take(bytes: number): Promise<Buffer> {
    return this.#own.take(bytes)
  }

  /** The next message: bytes behind their length as a varint. */
  takeMessage(): Promise<Buffer> {
    return this.#own.takeMessage()
  }

  /** From now on what comes goes there, what nobody took first. */
  forward(to: { push(bytes: Buffer): void; end(): void }): void {
    const unread = this.#own.takeAll()
    this.#intake = to
    if (unread.byteLength > 0) to.push(unread)
    if (this.#isGone) to.end()
  }

  /** The stream for somebody else, with what came and nobody took put back. */
  release(): Duplex {
    this.stream.off('data', this.#onData)
    this.stream.pause()
    const unread = this.#own.takeAll()
    if (unread.byteLength > 0) this.stream.unshift(unread)
    return this.stream
  }

  /** Takes nothing from the other side any more. */
  stall(): void {
    this.stream.pause()
  }

  destroy(): void {
    this.stream.destroy()
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#receivedBytes += bytes.byteLength
    this.#intake.push(bytes)
  }

  get #own(): Intake {
    if (this.#intake instanceof Intake) return this.#intake
    throw new TypeError('what comes goes elsewhere')
  }
}

/** A TCP connection, and nothing said. Rejects where nobody listens. */
export async function knock(place: Place): Promise<Wire> {
  const socket = connect({ ...place, noDelay: true })
  await once(socket, 'connect')
  return new Wire(socket)
}
