import type { PeerId } from '@libp2p/interface'
import { type Channel, messageOf, type NetworkPort } from '../../../core/api.ts'
import { exchangeError } from '../errors.ts'
import { OPEN_TIMEOUT_MS } from '../requester/link.ts'
import { BITSWAP } from '../wire/bitswap-codec.ts'

/** How long a peer may take to accept one message: the largest block, at what the slowest peers take. */
const WRITE_TIMEOUT_MS = 60_000

/** Unused for so long, a stream is closed: well before Helia resets one that is silent for 10 s, and a message with it. */
const IDLE_MS = 3_000

export interface OutboundDependencies {
  readonly network: Pick<NetworkPort, 'open' | 'connections'>
}

/** Sends messages to one peer, on a stream that is opened when there is one to send and closed when there are no more. */
export class Outbound {
  readonly #peer: PeerId
  readonly #deps: OutboundDependencies
  readonly #stopping = new AbortController()
  #channel: Channel | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(peer: PeerId, deps: OutboundDependencies) {
    this.#peer = peer
    this.#deps = deps
  }

  /**
   * Resolves when the stream has taken the message, of which `tail` is the end; one at a time. A message that a stream in use
   * can't take goes out on a new one: the peer may have closed the old one meanwhile, as it may at any time.
   * @throws SkepError STREAM_DROPPED, and what opening and writing throw
   */
  async send(message: Uint8Array, tail?: Uint8Array): Promise<void> {
    clearTimeout(this.#idle)
    const used = this.#channel
    if (used && !used.signal.aborted) {
      try {
        await this.#write(used, message, tail)
        return
      } catch (error) {
        if (this.#stopping.signal.aborted || isTimeout(error)) throw error
      }
    }
    await this.#write(await this.#open(), message, tail)
  }

  /** Resets the stream; nothing can be sent any more. Idempotent. */
  stop(): void {
    if (this.#stopping.signal.aborted) return
    const reason = exchangeError('STREAM_DROPPED', `${BITSWAP.id} with ${this.#peer} is over`)
    clearTimeout(this.#idle)
    this.#stopping.abort(reason)
    this.#channel?.abort(reason)
  }

  async #open(): Promise<Channel> {
    this.#stopping.signal.throwIfAborted()
    const { network } = this.#deps
    if (network.connections(this.#peer).length === 0) {
      throw exchangeError('STREAM_DROPPED', `${this.#peer} has gone`)
    }
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)])
    this.#channel = await network.open(this.#peer, BITSWAP, { signal })
    return this.#channel
  }

  async #write(channel: Channel, message: Uint8Array, tail: Uint8Array | undefined): Promise<void> {
    try {
      await channel.write(message, tail, { signal: AbortSignal.timeout(WRITE_TIMEOUT_MS), joined: true })
    } catch (error) {
      channel.abort(exchangeError('STREAM_DROPPED', messageOf(error), { cause: error }))
      throw error
    }
    if (!this.#stopping.signal.aborted) this.#idle = setTimeout(() => this.#close(channel), IDLE_MS).unref()
  }

  #close(channel: Channel): void {
    if (this.#channel === channel) this.#channel = undefined
    channel.close({ signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) }).catch(error => channel.abort(error))
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}
