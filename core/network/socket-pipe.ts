import type { OnReadOpts } from 'node:net'
import { finished } from 'node:stream/promises'
import type { TLSSocket } from 'node:tls'
import { discard } from '../owned-bytes.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { untilAborted } from '../until-aborted.ts'
import type { Pipe, PipeSink } from './pipe.ts'

/** A TLS record holds no more, and Node hands over one at a time. */
const SCRATCH_BYTES = 16 * 1024

/**
 * Tells a socket where to put what it reads: straight into the payload that a channel waits for, or into a buffer that
 * is used again and again. Without it Node makes a buffer for each 16 KiB, which costs a receiver a third of its CPU.
 */
export class SocketIntake {
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #sink: PipeSink | undefined
  #isDirect = false
  /** Arrived before anybody listened: no more than the TLS engine had at hand. */
  #early: Uint8Array[] = []

  /** For `onread` of the socket's options. */
  readonly options: OnReadOpts = {
    buffer: () => {
      const space = this.#sink?.space
      this.#isDirect = space !== undefined
      return space ?? this.#scratch
    },
    callback: bytes => {
      const sink = this.#sink
      if (sink && this.#isDirect) sink.filled(bytes)
      else if (sink) sink.accept([this.#scratch.subarray(0, bytes)], { lent: true })
      else this.#early.push(new Uint8Array(this.#scratch.subarray(0, bytes)))
      // Without a sink the socket stops reading until it is resumed.
      return sink !== undefined
    },
  }

  attach(sink: PipeSink): void {
    this.#sink = sink
    if (this.#early.length > 0) sink.accept(this.#early.splice(0))
  }
}

/** A TLS socket that carries one channel alone. */
export class SocketPipe implements Pipe {
  readonly #socket: TLSSocket
  readonly #intake: SocketIntake | undefined
  #sink: PipeSink | undefined
  #paused = false
  #finished = false
  #drained: PromiseWithResolvers<void> | undefined
  #failure: Error | undefined

  /** `intake`: the one whose options the socket was made with; one that was accepted has none. */
  constructor(socket: TLSSocket, intake?: SocketIntake) {
    this.#socket = socket
    this.#intake = intake
  }

  get paused(): boolean {
    return this.#paused
  }

  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  attach(sink: PipeSink): void {
    const socket = this.#socket
    this.#sink = sink
    if (socket.destroyed) {
      this.#leave()
      return
    }
    socket.on('end', () => this.#finish())
    socket.on('error', error => {
      this.#failure ??= error
    })
    socket.on('close', () => this.#leave())
    socket.on('drain', () => this.#drain())
    if (this.#intake) {
      this.#intake.attach(sink)
      if (socket.readableEnded) this.#finish()
      else if (!this.#paused) socket.resume()
    } else {
      socket.on('data', chunk => sink.accept([chunk]))
    }
  }

  async send(
    pieces: readonly Uint8Array[],
    { signal, given }: WaitOptions & { readonly given: boolean },
  ): Promise<void> {
    const last = pieces.at(-1)
    let takesMore = true
    for (const piece of pieces) {
      const done = given && piece === last ? () => discard(piece) : undefined
      takesMore = this.#socket.write(piece, done)
    }
    while (!takesMore && this.#socket.writableNeedDrain) {
      this.#drained ??= Promise.withResolvers()
      await untilAborted(this.#drained.promise, signal)
    }
    if (this.#socket.destroyed) throw this.#failure ?? new Error('it ended before all was sent')
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    this.#socket.resume()
  }

  async close({ signal }: WaitOptions): Promise<void> {
    const socket = this.#socket
    if (socket.destroyed || socket.writableFinished) return
    if (!socket.writableEnded) socket.end()
    await finished(socket, { readable: false, signal, cleanup: true })
  }

  abort(reason: Error): void {
    this.#failure ??= reason
    this.#socket.destroy()
  }

  #drain(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }

  #finish(): void {
    this.#finished = true
    this.#sink?.finished()
  }

  #leave(): void {
    if (!this.#finished) this.#failure ??= new Error('the connection was lost')
    this.#sink?.finished(this.#failure)
    this.#sink?.gone(this.#failure)
    this.#drain()
  }
}
