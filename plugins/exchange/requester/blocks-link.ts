import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { type Channel, isSkepError, messageOf, type NetworkPort } from '../../../core/api.ts'
import { exchangeError } from '../errors.ts'
import {
  type Answer,
  decodeReply,
  encodeRequest,
  MAX_BATCH,
  MAX_WANTS,
  Mode,
  PROTOCOL,
  Status,
} from '../wire/codec.ts'
import { type Asked, owedOf } from './asks.ts'
import {
  type Fault,
  type LinkDependencies,
  type LinkEvents,
  type LinkKind,
  type LinkOptions,
  OPEN_TIMEOUT_MS,
} from './link.ts'
import { PeerLink } from './peer-link.ts'
import type { Want } from './want.ts'

export interface BlocksLinkDependencies extends LinkDependencies {
  readonly network: Pick<NetworkPort, 'open'>
}

/** Payload that nobody wants any more is read in pieces of this size. */
const DRAIN_BYTES = 64 * 1024

export function blocksLinks(network: Pick<NetworkPort, 'open'>): LinkKind {
  return {
    protocol: PROTOCOL.id,
    link: (peer, options, dependencies) => new BlocksLink(peer, options, { ...dependencies, network }),
  }
}

/** A link over `/skep/blocks/1.0.0`: one stream, which opens with the first question. */
class BlocksLink extends PeerLink {
  readonly protocol = PROTOCOL.id
  readonly #network: Pick<NetworkPort, 'open'>
  readonly #events: LinkEvents
  #toSend: Asked[] = []
  #toCancel: number[] = []
  #stream: AbortController | undefined
  #channel: Channel | undefined
  #sending = false
  /** Answers MISSING that no update has followed. */
  #missing = 0

  constructor(peer: PeerId, options: LinkOptions, { network, events, now }: BlocksLinkDependencies) {
    super(peer, options, { now })
    this.#network = network
    this.#events = events
  }

  get roomWants(): number {
    return MAX_WANTS - this.asks.size
  }

  get open(): boolean {
    return this.#stream !== undefined
  }

  ask(want: Want, mode: Mode): number {
    const asked = this.asks.add(want, mode, mode === Mode.BLOCK ? want.bytes : 0)
    this.#toSend.push(asked)
    if (!this.#stream) void this.#converse()
    this.#flush()
    return asked.id
  }

  /** The id stays taken until the peer has answered. */
  cancel(id: number): void {
    const asked = this.asks.get(id)
    if (!asked || asked.cancelled) return
    asked.cancelled = true
    if (!asked.sent) return
    this.#toCancel.push(id)
    this.#flush()
  }

  /** An update that nobody waits for costs the peer one CID, less than taking the question back. */
  forget(): void {}

  drop(reason: string, fault?: Fault): void {
    const owed = this.#end(reason)
    if (!owed) return
    this.asks.pause()
    this.#events.broken(this, owed, reason, fault)
  }

  async rest(): Promise<void> {
    const channel = this.#channel
    if (!channel || this.asks.size > 0) return
    this.#stream = undefined
    this.#channel = undefined
    this.#missing = 0
    await channel.close({ signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) }).catch(error => channel.abort(error))
  }

  /** Resets the stream; returns what it owed, or undefined where there was none. */
  #end(reason: string): Set<Want> | undefined {
    const stream = this.#stream
    if (!stream) return undefined
    this.#stream = undefined
    this.#channel?.abort(exchangeError('STREAM_DROPPED', `${PROTOCOL.id} with ${this.id}: ${reason}`))
    this.#channel = undefined
    stream.abort()
    this.#missing = 0
    this.#toSend = []
    this.#toCancel = []
    return owedOf(this.asks.clear())
  }

  /** Opens a stream and reads it to its end. */
  async #converse(): Promise<void> {
    const stream = new AbortController()
    this.#stream = stream
    try {
      const signal = AbortSignal.any([stream.signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)])
      const channel = await this.#network.open(this.peer, PROTOCOL, { signal })
      if (this.#stream !== stream) {
        channel.abort(exchangeError('STREAM_DROPPED', 'it opened too late'))
        return
      }
      this.#channel = channel
      this.#flush()
      await this.#readReplies(channel, stream)
      if (this.#stream === stream) this.drop('closed the stream')
    } catch (error) {
      if (this.#stream !== stream) return
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (isSkepError(error, 'PROTOCOL_UNSUPPORTED')) {
      const reason = `does not speak ${PROTOCOL.id}`
      const owed = this.#end(reason)
      if (owed) this.#events.unsupported(this, owed, reason)
    } else if (isSkepError(error, 'PROTOCOL_VIOLATION')) {
      this.drop(messageOf(error), 'protocol-violation')
    } else {
      this.drop(`lost the stream: ${messageOf(error)}`)
    }
  }

  async #readReplies(channel: Channel, stream: AbortController): Promise<void> {
    while (this.#stream === stream) {
      const message = await channel.read()
      if (!message) return
      const { answers, haveUpdates } = decodeReply(message)
      for (const answer of answers) {
        await this.#accept(channel, answer)
        if (this.#stream !== stream) return
      }
      if (haveUpdates.length > 0) this.#update(haveUpdates)
      this.asks.learn()
      this.#events.progressed(this)
    }
  }

  async #accept(channel: Channel, { id, status, length }: Answer): Promise<void> {
    const asked = this.asks.get(id)
    if (!asked) throw exchangeError('PROTOCOL_VIOLATION', `answered want ${id}, which is not open`)
    if (status === Status.CANCELLED && !asked.cancelled) {
      throw exchangeError('PROTOCOL_VIOLATION', `answered want ${id} as cancelled, which it is not`)
    }
    const hasPayload = asked.mode === Mode.BLOCK && status === Status.OK
    if (hasPayload) {
      const offered = asked.want.offers.get(this.id)
      if (offered !== undefined && offered !== length) {
        throw exchangeError(
          'PROTOCOL_VIOLATION',
          `offered ${offered} bytes of ${asked.want.cid} and sent ${length}`,
        )
      }
    }
    const payload = hasPayload ? await this.#payload(channel, asked, length) : undefined
    if (this.asks.get(id) !== asked) return
    this.asks.settle(asked, asked.mode === Mode.BLOCK ? length : 0)
    if (asked.cancelled) {
      if (hasPayload) this.#events.wasted()
      return
    }
    if (payload) {
      this.asks.thrive()
      this.#events.delivered(this, asked.want, payload)
      return
    }
    if (hasPayload) this.#events.wasted()
    if (status === Status.MISSING) this.#missing++
    if (asked.mode === Mode.HAVE) this.asks.heard(asked)
    this.#events.answered(this, asked.want, asked.mode, status, length)
  }

  /** `undefined` where nobody wants it any more, or so much of it: such bytes never take more than a piece's memory. */
  async #payload(channel: Channel, asked: Asked, length: number): Promise<Uint8Array | undefined> {
    if (!asked.cancelled && length <= asked.want.maxBytes) return channel.readPayload(length)
    for (let rest = length; rest > 0; rest -= DRAIN_BYTES)
      await channel.readPayload(Math.min(rest, DRAIN_BYTES))
    return undefined
  }

  #update(cids: readonly CID[]): void {
    this.#missing -= cids.length
    if (this.#missing < 0) throw exchangeError('PROTOCOL_VIOLATION', 'offered blocks that it never missed')
    this.#events.gained(this, cids)
  }

  /** Sends what was asked and cancelled in this turn of the event loop, together. */
  #flush(): void {
    if (this.#sending || !this.#channel) return
    this.#sending = true
    queueMicrotask(() => void this.#send())
  }

  async #send(): Promise<void> {
    const channel = this.#channel
    try {
      while (channel && channel === this.#channel && this.#toSend.length + this.#toCancel.length > 0) {
        const wants = this.#nextWants()
        const cancels = this.#toCancel.splice(0, MAX_BATCH)
        if (wants.length + cancels.length > 0) await channel.write(encodeRequest({ wants, cancels }))
      }
    } catch {
      // The stream is gone; its reader says why.
    } finally {
      this.#sending = false
      if (channel !== this.#channel) this.#flush()
    }
  }

  #nextWants(): { id: number; cid: CID; mode: Mode; sizeHint: number }[] {
    const wants = []
    for (const asked of this.#toSend.splice(0, MAX_BATCH)) {
      if (asked.cancelled) {
        this.asks.settle(asked, 0)
        continue
      }
      asked.sent = true
      wants.push({ id: asked.id, cid: asked.want.cid, mode: asked.mode, sizeHint: asked.bytes })
    }
    return wants
  }
}
