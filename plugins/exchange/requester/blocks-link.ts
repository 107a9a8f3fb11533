import type { PeerId } from '@libp2p/interface'
import { type Channel, isSkepError, messageOf, type NetworkPort } from '../../../core/api.ts'
import { exchangeError } from '../errors.ts'
import { MAX_WANTS, Mode, PROTOCOL } from '../wire/codec.ts'
import { type Asked, owedOf } from './asks.ts'
import { Conversation } from './conversation.ts'
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

type LinkNetwork = Pick<NetworkPort, 'open' | 'openLane'>

/** Block bytes a peer delivers before a lane is worth its handshake. */
const LANE_AFTER_BYTES = 8 * 1024 * 1024
/** A peer that can't be reached by a lane now, or not for long, can't be in a moment. */
const LANE_RETRY_MS = 600_000
/** Silent for so long, the stream is asked for a block although there is a lane: the peer would reset it, and all with it. */
const STREAM_SILENCE_MS = PROTOCOL.idleTimeoutMs / 2

export function blocksLinks(network: LinkNetwork): LinkKind {
  return {
    protocol: PROTOCOL.id,
    link: (peer, options, dependencies) => new BlocksLink(peer, options, { ...dependencies, network }),
  }
}

/** What is open to the peer, from the first question to the drop or rest that ends it. */
interface Talk {
  readonly over: AbortController
  stream?: Conversation
  /** Carries blocks once it is open; questions and updates stay on the stream. */
  lane?: Conversation
}

/** A link over `/skep/blocks/1.0.0`: a stream that opens with the first question, and a lane where there is much to fetch. */
class BlocksLink extends PeerLink {
  readonly protocol = PROTOCOL.id
  readonly #network: LinkNetwork
  readonly #events: LinkEvents
  readonly #now: () => number
  /** Asked before the stream was open. */
  #waiting: Asked[] = []
  #talk: Talk | undefined
  #laneFromMs = 0

  constructor(
    peer: PeerId,
    options: LinkOptions,
    { network, events, ...dependencies }: LinkDependencies & { readonly network: LinkNetwork },
  ) {
    super(peer, options, dependencies)
    this.#network = network
    this.#now = dependencies.now
    this.#events = events
  }

  get roomWants(): number {
    return MAX_WANTS - this.asks.size
  }

  get open(): boolean {
    return this.#talk !== undefined
  }

  ask(want: Want, mode: Mode): number {
    const asked = this.asks.add(want, mode, mode === Mode.BLOCK ? want.bytes : 0)
    const conversation = this.#conversationFor(mode)
    if (conversation) conversation.ask(asked)
    else this.#waiting.push(asked)
    if (!this.#talk) void this.#converse()
    return asked.id
  }

  /** The id stays taken until the peer has answered. */
  cancel(id: number): void {
    const asked = this.asks.get(id)
    if (!asked || asked.cancelled) return
    asked.cancelled = true
    const { stream, lane } = this.#talk ?? {}
    if (!lane?.cancel(asked)) stream?.cancel(asked)
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
    const talk = this.#talk
    if (!talk?.stream || this.asks.size > 0) return
    this.#talk = undefined
    talk.over.abort()
    if (talk.lane) this.#laneFromMs = 0
    const signal = AbortSignal.timeout(OPEN_TIMEOUT_MS)
    await Promise.all([talk.stream.close(signal), talk.lane?.close(signal)])
  }

  #conversationFor(mode: Mode): Conversation | undefined {
    const { stream, lane } = this.#talk ?? {}
    const takesLane = mode === Mode.BLOCK && stream && stream.silentMs < STREAM_SILENCE_MS
    return takesLane ? (lane ?? stream) : stream
  }

  /** Resets what is open; returns what it owed, or undefined where nothing was open. */
  #end(reason: string): Set<Want> | undefined {
    const talk = this.#talk
    if (!talk) return undefined
    this.#talk = undefined
    this.#waiting = []
    const error = exchangeError('STREAM_DROPPED', `${PROTOCOL.id} with ${this.id}: ${reason}`)
    talk.stream?.end(error)
    talk.lane?.end(error)
    talk.over.abort()
    return owedOf(this.asks.clear())
  }

  /** Opens a stream and reads it to its end. */
  async #converse(): Promise<void> {
    const talk: Talk = { over: new AbortController() }
    this.#talk = talk
    try {
      const signal = AbortSignal.any([talk.over.signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)])
      const channel = await this.#network.open(this.peer, PROTOCOL, { signal })
      const stream = this.#begin(talk, channel)
      if (!stream) return
      talk.stream = stream
      for (const asked of this.#waiting.splice(0)) stream.ask(asked)
      await stream.run()
      if (this.#talk === talk) this.drop('closed the stream')
    } catch (error) {
      if (this.#talk === talk) this.#fail(error)
    }
  }

  #progressed(): void {
    this.asks.learn()
    this.#widen()
    this.#events.progressed(this)
  }

  /** Opens a lane, where so much has come that more is to be expected. */
  #widen(): void {
    const talk = this.#talk
    if (!talk || talk.lane || this.asks.deliveredBytes < LANE_AFTER_BYTES || this.#now() < this.#laneFromMs)
      return
    // Tried again neither while this one is open nor soon after it failed.
    this.#laneFromMs = this.#now() + LANE_RETRY_MS
    void this.#openLane(talk)
  }

  async #openLane(talk: Talk): Promise<void> {
    let channel: Channel
    try {
      channel = await this.#network.openLane(this.peer, PROTOCOL, { signal: talk.over.signal })
    } catch {
      // The stream does the same, at more cost.
      return
    }
    const lane = this.#begin(talk, channel)
    if (!lane) return
    talk.lane = lane
    try {
      await lane.run()
      throw exchangeError('STREAM_DROPPED', 'the peer closed the lane')
    } catch (error) {
      if (this.#talk !== talk) return
      const isHarmless = !lane.isOwed && !isSkepError(error, 'PROTOCOL_VIOLATION')
      if (isHarmless) this.#leaveLane(talk)
      else this.#fail(error)
    }
  }

  /** Goes on with the stream alone. */
  #leaveLane(talk: Talk): void {
    talk.lane?.end(exchangeError('STREAM_DROPPED', `the lane with ${this.id} is over`))
    talk.lane = undefined
  }

  /** Undefined where it opened too late. */
  #begin(talk: Talk, channel: Channel): Conversation | undefined {
    if (this.#talk === talk) {
      return new Conversation({
        link: this,
        channel,
        asks: this.asks,
        events: this.#events,
        progressed: () => this.#progressed(),
        now: this.#now,
      })
    }
    channel.abort(exchangeError('STREAM_DROPPED', 'it opened too late'))
    return undefined
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
}
