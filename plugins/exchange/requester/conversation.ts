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

/** Blocks that are read together have so many bytes at most, unless one alone has more. */
const MAX_JOINED_BYTES = 128 * 1024

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
      await this.#accept(answers)
      if (this.#ended) return
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

  /** Small blocks that come one behind the other are read together. */
  async #accept(answers: readonly Answer[]): Promise<void> {
    const blocks = new Map<Asked, number>()
    let bytes = 0
    const readBlocks = async (): Promise<void> => {
      await this.#readBlocks(blocks, bytes)
      blocks.clear()
      bytes = 0
    }
    for (const answer of answers) {
      const { status, length } = answer
      const asked = this.#askedBy(answer)
      if (blocks.has(asked)) throw exchangeError('PROTOCOL_VIOLATION', `answered want ${asked.id} twice`)
      const hasPayload = asked.mode === Mode.BLOCK && status === Status.OK
      if (hasPayload) {
        this.#checkOffer(asked, length)
        const isWanted = !asked.cancelled && length <= asked.want.maxBytes
        if (blocks.size > 0 && (!isWanted || bytes + length > MAX_JOINED_BYTES)) await readBlocks()
        if (isWanted && !this.#ended) {
          blocks.set(asked, length)
          bytes += length
          continue
        }
        await this.#drain(length)
      }
      if (this.#ended) return
      this.#settle(asked, length)
      if (status === Status.MISSING) this.#missing++
      this.#answered(asked, answer, hasPayload)
    }
    await readBlocks()
  }

  /** @throws SkepError PROTOCOL_VIOLATION where it was not asked */
  #askedBy({ id, status }: Answer): Asked {
    const asked = this.#deps.asks.get(id)
    if (!asked || !this.#open.has(asked)) {
      throw exchangeError('PROTOCOL_VIOLATION', `answered want ${id}, which is not open`)
    }
    if (status === Status.CANCELLED && !asked.cancelled) {
      throw exchangeError('PROTOCOL_VIOLATION', `answered want ${id} as cancelled, which it is not`)
    }
    return asked
  }

  #settle(asked: Asked, length: number): void {
    this.#open.delete(asked)
    this.#deps.asks.settle(asked, asked.mode === Mode.BLOCK ? length : 0)
  }

  /** What isn't a block, or one that nobody wants any more, or so much of it. */
  #answered(asked: Asked, { status, length }: Answer, isWasted: boolean): void {
    const { link, asks, events } = this.#deps
    if (isWasted) events.wasted()
    if (asked.cancelled) return
    if (asked.mode === Mode.HAVE) asks.heard(asked)
    events.answered(link, asked.want, asked.mode, status, length)
  }

  #checkOffer({ want }: Asked, length: number): void {
    const offered = want.offers.get(this.#deps.link.id)
    if (offered === undefined || offered === length) return
    throw exchangeError('PROTOCOL_VIOLATION', `offered ${offered} bytes of ${want.cid} and sent ${length}`)
  }

  /** Reads the payloads of `blocks`, each so many bytes, and hands them on. One alone has a buffer of its own. */
  async #readBlocks(blocks: ReadonlyMap<Asked, number>, bytes: number): Promise<void> {
    if (blocks.size === 0 || this.#ended) return
    const { link, asks, events, channel } = this.#deps
    const payload = await channel.readPayload(bytes)
    let at = 0
    for (const [asked, length] of blocks) {
      if (this.#ended) return
      const block = blocks.size === 1 ? payload : payload.subarray(at, at + length)
      at += length
      this.#settle(asked, length)
      if (asked.cancelled) {
        events.wasted()
        continue
      }
      asks.thrive()
      events.delivered(link, asked.want, block)
    }
  }

  /** Reads what nobody wants, which so never takes more than a piece's memory. */
  async #drain(bytes: number): Promise<void> {
    const { channel } = this.#deps
    for (let rest = bytes; rest > 0 && !this.#ended; rest -= DRAIN_BYTES)
      await channel.readPayload(Math.min(rest, DRAIN_BYTES))
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
