import type { CID } from 'multiformats/cid'
import type { Channel } from '../../../core/api.ts'
import { exchangeError } from '../errors.ts'
import {
  type Answer,
  decodeReply,
  encodeRequest,
  MAX_BATCH,
  Mode,
  Status,
  type Want as WantMessage,
} from '../wire/codec.ts'
import type { Asked, Asks } from './asks.ts'
import type { Link, LinkEvents } from './link.ts'

export interface ConversationDependencies {
  readonly link: Link
  readonly channel: Channel
  /** The link's, of all its conversations. */
  readonly asks: Asks
  readonly events: Omit<LinkEvents, 'progressed'>
  /** A reply was dealt with. */
  progressed(): void
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** Payload that nobody wants any more is read in pieces of this size. */
const DRAIN_BYTES = 64 * 1024

/** Questions and answers of `/skep/blocks/1.0.0` on one channel. */
export class Conversation {
  readonly #deps: ConversationDependencies
  /** Asked here and not answered. */
  readonly #open = new Set<Asked>()
  #toSend: Asked[] = []
  #toCancel: number[] = []
  #sending = false
  #ended = false
  #askedMs: number
  /** Answers MISSING that no update has followed. */
  #missing = 0

  constructor(deps: ConversationDependencies) {
    this.#deps = deps
    this.#askedMs = deps.now()
  }

  /** Milliseconds since it began or was asked last. */
  get silentMs(): number {
    return this.#deps.now() - this.#askedMs
  }

  /** The peer owes answers here. */
  get isOwed(): boolean {
    return this.#open.size > 0
  }

  ask(asked: Asked): void {
    this.#askedMs = this.#deps.now()
    this.#open.add(asked)
    this.#toSend.push(asked)
    this.#flush()
  }

  /** True where it was asked here. */
  cancel(asked: Asked): boolean {
    if (!this.#open.has(asked)) return false
    if (asked.sent) {
      this.#toCancel.push(asked.id)
      this.#flush()
    }
    return true
  }

  /**
   * Reads answers until the peer ends the channel.
   * @throws SkepError PROTOCOL_VIOLATION, and what the channel throws
   */
  async run(): Promise<void> {
    const { channel, progressed } = this.#deps
    while (!this.#ended) {
      const message = await channel.read()
      if (!message) return
      const { answers, haveUpdates } = decodeReply(message)
      for (const answer of answers) {
        await this.#accept(answer)
        if (this.#ended) return
      }
      if (haveUpdates.length > 0) this.#update(haveUpdates)
      progressed()
    }
  }

  /** Resets the channel; nothing is told any more. */
  end(reason: Error): void {
    this.#ended = true
    this.#deps.channel.abort(reason)
  }

  /** Closes a channel on which nothing is owed; one that the peer keeps half open is reset when `signal` aborts. */
  async close(signal: AbortSignal): Promise<void> {
    this.#ended = true
    const { channel } = this.#deps
    signal.addEventListener('abort', () => channel.abort(signal.reason), { once: true })
    await channel.close({ signal }).catch(error => channel.abort(error))
  }

  async #accept({ id, status, length }: Answer): Promise<void> {
    const { link, asks, events } = this.#deps
    const asked = asks.get(id)
    if (!asked || !this.#open.has(asked)) {
      throw exchangeError('PROTOCOL_VIOLATION', `answered want ${id}, which is not open`)
    }
    if (status === Status.CANCELLED && !asked.cancelled) {
      throw exchangeError('PROTOCOL_VIOLATION', `answered want ${id} as cancelled, which it is not`)
    }
    const hasPayload = asked.mode === Mode.BLOCK && status === Status.OK
    if (hasPayload) this.#checkOffer(asked, length)
    const payload = hasPayload ? await this.#payload(asked, length) : undefined
    if (this.#ended) return
    this.#open.delete(asked)
    asks.settle(asked, asked.mode === Mode.BLOCK ? length : 0)
    if (status === Status.MISSING) this.#missing++
    if (asked.cancelled) {
      if (hasPayload) events.wasted()
      return
    }
    if (payload) {
      asks.thrive()
      events.delivered(link, asked.want, payload)
      return
    }
    if (hasPayload) events.wasted()
    if (asked.mode === Mode.HAVE) asks.heard(asked)
    events.answered(link, asked.want, asked.mode, status, length)
  }

  #checkOffer({ want }: Asked, length: number): void {
    const offered = want.offers.get(this.#deps.link.id)
    if (offered === undefined || offered === length) return
    throw exchangeError('PROTOCOL_VIOLATION', `offered ${offered} bytes of ${want.cid} and sent ${length}`)
  }

  /** `undefined` where nobody wants it any more, or so much of it: such bytes never take more than a piece's memory. */
  async #payload(asked: Asked, length: number): Promise<Uint8Array | undefined> {
    const { channel } = this.#deps
    if (!asked.cancelled && length <= asked.want.maxBytes) return channel.readPayload(length)
    for (let rest = length; rest > 0; rest -= DRAIN_BYTES)
      await channel.readPayload(Math.min(rest, DRAIN_BYTES))
    return undefined
  }

  #update(cids: readonly CID[]): void {
    this.#missing -= cids.length
    if (this.#missing < 0) throw exchangeError('PROTOCOL_VIOLATION', 'offered blocks that it never missed')
    this.#deps.events.gained(this.#deps.link, cids)
  }

  /** Sends what was asked and cancelled in this turn of the event loop, together. */
  #flush(): void {
    if (this.#sending) return
    this.#sending = true
    setImmediate(() => void this.#send())
  }

  async #send(): Promise<void> {
    try {
      while (!this.#ended && this.#toSend.length + this.#toCancel.length > 0) {
        const wants = this.#nextWants()
        const cancels = this.#toCancel.splice(0, MAX_BATCH)
        if (wants.length + cancels.length > 0)
          await this.#deps.channel.write(encodeRequest({ wants, cancels }))
      }
    } catch {
      // The channel is gone; its reader says why.
    } finally {
      this.#sending = false
    }
  }

  #nextWants(): WantMessage[] {
    const wants: WantMessage[] = []
    for (const asked of this.#toSend.splice(0, MAX_BATCH)) {
      if (asked.cancelled) {
        this.#open.delete(asked)
        this.#deps.asks.settle(asked, 0)
        continue
      }
      asked.sent = true
      const { id, want, mode, bytes } = asked
      const patient = mode === Mode.BLOCK && want.asks.get(this.#deps.link.id)?.patient === true
      wants.push({ id, cid: want.cid, mode, sizeHint: bytes, patient })
    }
    return wants
  }
}
