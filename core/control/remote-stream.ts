import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Channel } from '../network/framing.ts'
import { controlError } from './errors.ts'
import { MAX_CHUNK_BYTES, NOTHING } from './remote-protocol.ts'

/** How long the other end may take to end its side, too, once ours has ended. */
export const PARTING_MS = 2000

/** Messages read in one turn of the event loop: small ones are cheap to send, and each takes its time here. */
const MAX_MESSAGES_A_TURN = 64

type Done = (error?: Error | null) => void

/**
 * The bytes of a channel's messages, as a stream: what {@link CONTROL} carries. It ends the channel. That the channel is gone it
 * notices as it reads or writes: what had come before is read first.
 */
export class ChannelStream extends Duplex {
  readonly #channel: Channel
  #messages = 0

  constructor(channel: Channel) {
    super()
    this.#channel = channel
    // Whoever uses it sees it close.
    this.on('error', () => {})
  }

  override async _read(): Promise<void> {
    try {
      let chunk = await this.#next()
      while (chunk?.byteLength === 0) chunk = await this.#next()
      this.push(chunk ?? null)
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#send([chunk]).then(() => done(), done)
  }

  override _writev(writes: { readonly chunk: Buffer }[], done: Done): void {
    const chunks = writes.map(({ chunk }) => chunk)
    const bytes = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0)
    // HTTP writes heads and bodies apart.
    this.#send(bytes <= MAX_CHUNK_BYTES ? [Buffer.concat(chunks)] : chunks).then(() => done(), done)
  }

  override _final(done: Done): void {
    this.#channel.close().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: Done): void {
    const { signal } = this.#channel
    const end = (): void =>
      this.#channel.abort(error ?? controlError('CLIENT_GONE', 'this end of the tunnel has left'))
    if (error || !this.writableEnded) end()
    else if (!signal.aborted) {
      // What was written last is still on its way.
      const timer = setTimeout(end, PARTING_MS).unref()
      signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
    }
    done(error)
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (++this.#messages % MAX_MESSAGES_A_TURN === 0) await turn()
    return this.#channel.read()
  }

  async #send(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks)
      for (let at = 0; at < chunk.byteLength; at += MAX_CHUNK_BYTES)
        await this.#channel.write(NOTHING, chunk.subarray(at, at + MAX_CHUNK_BYTES), { joined: true })
  }
}

/** Calls `act` once, when the channel is gone. */
export function whenGone({ signal }: Pick<Channel, 'signal'>, act: () => void): void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
}
