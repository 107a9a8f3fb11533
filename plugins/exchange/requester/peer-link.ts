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
import { Meter } from './meter.ts'
import type { PlannedPeer } from './planner.ts'
import type { Want } from './want.ts'

/** What a link tells the requester. */
export interface LinkEvents {
  /** A whole block, not yet verified. */
  delivered(link: PeerLink, want: Want, bytes: Uint8Array): void
  /** A whole block arrived that was cancelled in the meantime, or is larger than was wanted. */
  wasted(): void
  /** Anything else that was answered. `length`: of a block the peer has; one larger than was wanted is not kept. */
  answered(link: PeerLink, want: Want, mode: Mode, status: Status, length: number): void
  /** The peer has got blocks that it didn't have when it was asked. */
  gained(link: PeerLink, cids: readonly CID[]): void
  /** A reply was dealt with: there may be room for more. */
  progressed(link: PeerLink): void
  /** The stream is gone; `owed` is what it still owed. */
  broken(link: PeerLink, owed: ReadonlySet<Want>, reason: string, fault: Fault | undefined): void
}

export type Fault = 'protocol-violation' | 'timeout'

export interface LinkOptions {
  readonly maxWindowBytes: number
}

export interface LinkDependencies {
  readonly network: Pick<NetworkPort, 'open'>
  readonly events: LinkEvents
  readonly now: () => number
}

interface Asked {
  readonly want: Want
  readonly mode: Mode
  readonly bytes: number
  readonly sinceMs: number
  cancelled: boolean
  sent: boolean
}

/** How long a peer may take to accept a stream. */
const OPEN_TIMEOUT_MS = 10_000

/** Pauses after a stream broke or the peer was busy: doubled each time in a row, from the first to the last. */
const FIRST_PAUSE_MS = 100
const LAST_PAUSE_MS = 10_000

/** A peer without the protocol may be asked again after this: its plugin may have started by then. */
const UNSUPPORTED_PAUSE_MS = 60_000

/** Payload that nobody wants any more is read in pieces of this size. */
const DRAIN_BYTES = 64 * 1024

const LATENCY_WEIGHT = 0.25
const INITIAL_LATENCY_MS = 10

/** What is asked of one peer, on one stream that opens with the first question. Every want is answered exactly once. */
export class PeerLink implements PlannedPeer {
  readonly peer: PeerId
  readonly id: string
  readonly #network: Pick<NetworkPort, 'open'>
  readonly #events: LinkEvents
  readonly #now: () => number
  readonly #meter: Meter
  readonly #asked = new Map<number, Asked>()
  #toSend: number[] = []
  #toCancel: number[] = []
  #lastId = 0
  #stream: AbortController | undefined
  #channel: Channel | undefined
  #sending = false
  /** Answers MISSING that no update has followed. */
  #missing = 0
  #pauses = 0
  #pausedUntilMs = 0
  #movedMs = 0
  #latencyMs = INITIAL_LATENCY_MS

  constructor(peer: PeerId, options: LinkOptions, { network, events, now }: LinkDependencies) {
    this.peer = peer
    this.id = peer.toString()
    this.#meter = new Meter(options.maxWindowBytes)
    this.#network = network
    this.#events = events
    this.#now = now
  }

  get roomBytes(): number {
    return this.#meter.roomBytes
  }

  get roomWants(): number {
    return MAX_WANTS - this.#asked.size
  }

  get outstandingBytes(): number {
    return this.#meter.outstandingBytes
  }

  get bytesPerMs(): number {
    return this.#meter.bytesPerMs
  }

  get latencyMs(): number {
    return this.#latencyMs
  }

  get open(): boolean {
    return this.#stream !== undefined
  }

  /** May be asked now. */
  get usable(): boolean {
    return this.#now() >= this.#pausedUntilMs
  }

  /** Milliseconds without an answer while one is owed; 0 where nothing is. */
  get quietMs(): number {
    return this.#asked.size === 0 ? 0 : this.#now() - this.#movedMs
  }

  /** Milliseconds since anything was asked or answered. */
  get idleMs(): number {
    return this.#now() - this.#movedMs
  }

  /** Asks; returns the id to cancel by. */
  ask(want: Want, mode: Mode): number {
    const id = this.#nextId()
    const nowMs = this.#now()
    const bytes = mode === Mode.BLOCK ? want.bytes : 0
    if (this.#asked.size === 0) this.#movedMs = nowMs
    this.#asked.set(id, { want, mode, bytes, sinceMs: nowMs, cancelled: false, sent: false })
    this.#meter.asked(bytes, nowMs)
    this.#toSend.push(id)
    if (!this.#stream) void this.#converse()
    this.#flush()
    return id
  }

  /** The answer is no longer needed. The id stays taken until the peer has answered, and what it sends is thrown away. */
  cancel(id: number): void {
    const asked = this.#asked.get(id)
    if (!asked || asked.cancelled) return
    asked.cancelled = true
    if (!asked.sent) return
    this.#toCancel.push(id)
    this.#flush()
  }

  /** The peer said it is busy: less at once, and a pause. */
  ease(): void {
    if (!this.usable) return
    this.#meter.ease()
    this.#pause()
  }

  /** Resets the stream; what it owed is told to `broken`. */
  drop(reason: string, fault?: Fault): void {
    const stream = this.#stream
    if (!stream) return
    this.#stream = undefined
    this.#channel?.abort(exchangeError('STREAM_DROPPED', `${PROTOCOL.id} with ${this.id}: ${reason}`))
    this.#channel = undefined
    stream.abort()
    this.#missing = 0
    this.#toSend = []
    this.#toCancel = []
    this.#meter.reset()
    const owed = new Set([...this.#asked.values()].filter(asked => !asked.cancelled).map(asked => asked.want))
    this.#asked.clear()
    this.#pause()
    this.#events.broken(this, owed, reason, fault)
  }

  /** Ends the stream of a peer that owes nothing. */
  async rest(): Promise<void> {
    const channel = this.#channel
    if (!channel || this.#asked.size > 0) return
    this.#stream = undefined
    this.#channel = undefined
    this.#missing = 0
    await channel.close({ signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) }).catch(error => channel.abort(error))
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
      this.drop(`does not speak ${PROTOCOL.id}`)
      this.#pausedUntilMs = this.#now() + UNSUPPORTED_PAUSE_MS
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
      this.#meter.learn(this.#now())
      this.#events.progressed(this)
    }
  }

  async #accept(channel: Channel, { id, status, length }: Answer): Promise<void> {
    const asked = this.#asked.get(id)
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
    if (this.#asked.get(id) !== asked) return
    this.#settle(id, asked, length)
    if (asked.cancelled) {
      if (hasPayload) this.#events.wasted()
      return
    }
    if (payload) {
      this.#pauses = 0
      this.#events.delivered(this, asked.want, payload)
      return
    }
    if (hasPayload) this.#events.wasted()
    if (status === Status.MISSING) this.#missing++
    if (asked.mode === Mode.HAVE)
      this.#latencyMs += (this.#now() - asked.sinceMs - this.#latencyMs) * LATENCY_WEIGHT
    this.#events.answered(this, asked.want, asked.mode, status, length)
  }

  /** `undefined` where nobody wants it any more, or so much of it: such bytes never take more than a piece's memory. */
  async #payload(channel: Channel, asked: Asked, length: number): Promise<Uint8Array | undefined> {
    if (!asked.cancelled && length <= asked.want.maxBytes) return channel.readPayload(length)
    for (let rest = length; rest > 0; rest -= DRAIN_BYTES)
      await channel.readPayload(Math.min(rest, DRAIN_BYTES))
    return undefined
  }

  #settle(id: number, asked: Asked, length: number): void {
    this.#asked.delete(id)
    this.#meter.settled(asked.bytes, asked.mode === Mode.BLOCK ? length : 0)
    this.#movedMs = this.#now()
  }

  #update(cids: readonly CID[]): void {
    this.#missing -= cids.length
    if (this.#missing < 0) throw exchangeError('PROTOCOL_VIOLATION', 'offered blocks that it never missed')
    this.#events.gained(this, cids)
  }

  #pause(): void {
    this.#pausedUntilMs = this.#now() + Math.min(FIRST_PAUSE_MS * 2 ** this.#pauses, LAST_PAUSE_MS)
    this.#pauses++
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#asked.has(this.#lastId))
    return this.#lastId
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
    for (const id of this.#toSend.splice(0, MAX_BATCH)) {
      const asked = this.#asked.get(id)
      if (!asked) continue
      if (asked.cancelled) {
        this.#settle(id, asked, 0)
        continue
      }
      asked.sent = true
      wants.push({ id, cid: asked.want.cid, mode: asked.mode, sizeHint: asked.bytes })
    }
    return wants
  }
}
