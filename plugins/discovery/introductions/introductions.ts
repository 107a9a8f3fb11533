import { setTimeout as sleep } from 'node:timers/promises'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import {
  type Events,
  isSkepError,
  type Logger,
  messageOf,
  type NetworkPort,
  type Peers,
} from '../../../core/api.ts'
import { type BackoffLimits, redialDelayMs } from '../backoff.ts'
import type { ExchangeConfig } from '../config.ts'
import type { DiscoveryMetrics } from '../metrics.ts'
import { type Answer, MAX_RECORDS, MIN_QUESTION_GAP_MS, peersProtocol, type Question } from '../wire/codec.ts'
import { createFriend, dueMs, type Friend, lacks, owe, remember } from './friend.ts'
import { OwnRecord } from './own-record.ts'
import { RecordTable } from './record-table.ts'
import { distanceOf, isWithin } from './scope.ts'
import { openRecord, type SignedRecord } from './signed-record.ts'

export interface IntroductionsDependencies {
  readonly network: NetworkPort
  readonly events: Events
  readonly peers: Pick<Peers, 'report'>
  readonly metrics: Pick<DiscoveryMetrics, 'records' | 'exchanges'>
  readonly log: Logger
  readonly isMember: (peer: PeerId) => boolean
  /** `teller` said that `record.peer` is there; also where that was known. */
  readonly onFound: (record: SignedRecord, teller: PeerId) => void
  /** A connected peer turned out to speak the protocol. */
  readonly onFriend: (peer: PeerId) => void
  /** Monotonic. */
  readonly nowMs: () => number
  /** Wall clock, in milliseconds. */
  readonly clock: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** At 2 KiB at most, and a quarter of that as a rule: what a small board spares for it. */
const MAX_RECORDS_KEPT = 512
/** Peers not met that are there by the word of one other: a liar fills so much of the table. */
const MAX_HEARSAY = 64
/** Who connected asks after so long by chance: by then it mostly has said which protocols it speaks. */
const FIRST_QUESTION_MS = 300
/** Who was connected to asks, too, should the other not have asked by then. */
const LATE_QUESTION_MS = 10_000
/** What one peer told is passed on after a random part of it: meanwhile others may have told it, too. */
const PASS_ON_MS = 1000
const MAX_PARALLEL_CALLS = 4
const RETRY: BackoffLimits = { minBackoffMs: 5000, maxBackoffMs: 600_000 }
const MAX_WAIT_MS = 2 ** 31 - 1

/**
 * Peers introduce those they are connected to to each other: on connect, rarely after, and at once where one is new or moved.
 * A record goes from its owner to those that it is connected to, and from these to theirs, and no further.
 */
export class Introductions {
  readonly #options: ExchangeConfig
  readonly #dependencies: IntroductionsDependencies
  readonly #table: RecordTable
  /** As many as there are connected peers. */
  readonly #friends = new Map<string, Friend>()
  readonly #calls = new Set<Promise<void>>()
  #own: OwnRecord | undefined
  #unsubscribe: (() => void)[] = []
  #rest = new AbortController()

  constructor(options: ExchangeConfig, dependencies: IntroductionsDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#table = new RecordTable(
      { maxRecords: MAX_RECORDS_KEPT, maxHearsay: MAX_HEARSAY },
      {
        isKept: peer => this.#friends.has(peer.toString()) || dependencies.isMember(peer),
        random: dependencies.random,
      },
    )
  }

  /** Peers of which a signed record is known. */
  get size(): number {
    return this.#table.size
  }

  /** Connected peers that speak the protocol. */
  get friends(): number {
    return [...this.#friends.values()].filter(({ speaks }) => speaks).length
  }

  isFriend(peer: PeerId): boolean {
    return this.#friends.get(peer.toString())?.speaks === true
  }

  /** Answers from now on, and listens for who comes and goes. */
  async open(): Promise<void> {
    const { network, events, clock } = this.#dependencies
    const own = await network.attach(
      'own-peer-record',
      ({ privateKey }: { privateKey: PrivateKey }) =>
        new OwnRecord({ self: network.self, privateKey, clock }),
    )
    this.#own = own
    await own.update(network.addresses())
    await peersProtocol.handle(network, (question, { peer }) => this.#answer(question, peer))
    this.#unsubscribe = [
      events.on('peer:connected', ({ peer }) => void this.#friendOf(peer)),
      events.on('peer:disconnected', ({ peer }) => void this.#friends.delete(peer.toString())),
      events.on('peer:forgotten', ({ peer }) => this.#table.delete(peer)),
      events.on('network:addresses', () => this.#announce()),
      events.on('network:changed', () => this.#announce()),
    ]
    for (const peer of network.connectedPeers()) this.#friendOf(peer)
  }

  /** Idempotent. */
  close(): void {
    for (const stop of this.#unsubscribe.splice(0)) stop()
  }

  /** Background loop: asks and tells until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { nowMs } = this.#dependencies
    while (!signal.aborted) {
      this.#rest = new AbortController()
      let nextMs = Number.POSITIVE_INFINITY
      for (const friend of this.#friends.values()) {
        const atMs = dueMs(friend)
        if (atMs > nowMs()) nextMs = Math.min(nextMs, atMs)
        else if (this.#calls.size < MAX_PARALLEL_CALLS) this.#begin(friend, signal)
      }
      const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, nextMs - nowMs()))
      const woken = AbortSignal.any([signal, this.#rest.signal])
      await sleep(waitMs, undefined, { signal: woken, ref: false }).catch(() => undefined)
    }
    await Promise.all(this.#calls)
  }

  #wake(): void {
    this.#rest.abort()
  }

  #friendOf(peer: PeerId): Friend {
    const key = peer.toString()
    const known = this.#friends.get(key)
    if (known) return known
    const { network, nowMs, random } = this.#dependencies
    const connections = network.connections(peer)
    const isOurs = connections.some(({ direction }) => direction === 'outbound')
    const waitMs = isOurs ? FIRST_QUESTION_MS * random() : LATE_QUESTION_MS * (1 + random())
    const [first] = connections
    const scope = first ? distanceOf(first.remoteAddr) : 'public'
    const friend = createFriend(peer, scope, nowMs() + waitMs)
    if (connections.length > 0) this.#friends.set(key, friend)
    this.#wake()
    return friend
  }

  #begin(friend: Friend, signal: AbortSignal): void {
    friend.isCalled = true
    const call = this.#call(friend, signal).finally(() => {
      friend.isCalled = false
      this.#calls.delete(call)
      this.#wake()
    })
    this.#calls.add(call)
  }

  async #call(friend: Friend, signal: AbortSignal): Promise<void> {
    const { network, nowMs, random, metrics, log } = this.#dependencies
    const { peer, pending } = friend
    const isAsked = friend.askAtMs <= nowMs()
    const told = isAsked ? this.#recordsFor(friend, MAX_RECORDS) : this.#pendingFor(friend)
    friend.tellAtMs = Number.POSITIVE_INFINITY
    pending.clear()
    if (isAsked) this.#askLater(friend)
    else if (told.length === 0) return
    friend.callAtMs = nowMs() + MIN_QUESTION_GAP_MS
    try {
      const protocols = await network.protocolsOf(peer)
      if (protocols && !protocols.includes(peersProtocol.protocol.id)) {
        friend.speaks = false
        return
      }
      const question = { records: told.map(({ bytes }) => bytes), wanted: isAsked ? MAX_RECORDS : 0 }
      const { records } = await peersProtocol.call(network, peer, question, { signal })
      for (const record of told) remember(friend, record.peer.toString(), record.sequence, true)
      friend.failures = 0
      this.#speaks(friend)
      metrics.exchanges.inc({ kind: isAsked ? 'asked' : 'told' })
      await this.#take(records, friend)
    } catch (error) {
      if (signal.aborted) return
      if (isSkepError(error, 'PROTOCOL_UNSUPPORTED')) {
        friend.speaks = false
        return
      }
      metrics.exchanges.inc({ kind: 'failed' })
      friend.failures += 1
      friend.callAtMs = nowMs() + redialDelayMs(friend.failures, RETRY, random())
      if (isAsked) friend.askAtMs = friend.callAtMs
      else this.#tell(friend, told)
      log.debug({ peer: peer.toString(), reason: messageOf(error) }, 'peer exchange failed')
    }
  }

  async #answer({ records, wanted }: Question, peer: PeerId): Promise<Answer> {
    const friend = this.#friendOf(peer)
    this.#speaks(friend)
    this.#dependencies.metrics.exchanges.inc({ kind: 'answered' })
    await this.#take(records, friend)
    const newerOfItself = this.#table.get(peer)
    const echo =
      newerOfItself && lacks(friend, peer.toString(), newerOfItself.sequence) ? [newerOfItself] : []
    if (wanted === 0) return { records: echo.map(({ bytes }) => bytes) }
    // It asked, and told what it had: that will do for us, too.
    this.#askLater(friend)
    const told = [...echo, ...this.#recordsFor(friend, Math.min(wanted, MAX_RECORDS) - echo.length)]
    // Whether it gets the answer nobody will know, so it counts as told only once it says so.
    return { records: told.map(({ bytes }) => bytes) }
  }

  #speaks(friend: Friend): void {
    if (friend.speaks) return
    friend.speaks = true
    this.#dependencies.onFriend(friend.peer)
  }

  #askLater(friend: Friend): void {
    const { nowMs, random } = this.#dependencies
    friend.askAtMs = nowMs() + this.#options.intervalMs * (0.75 + random() / 2)
  }

  /** This node's own record and those of others, without what the peer has. */
  #recordsFor(friend: Friend, count: number): SignedRecord[] {
    const own = this.#own?.for(friend.scope)
    const others = this.#table.sample(MAX_RECORDS_KEPT, friend.scope, friend.peer)
    return [...(own ? [own] : []), ...others]
      .filter(({ peer, sequence }) => lacks(friend, peer.toString(), sequence))
      .slice(0, Math.max(0, count))
  }

  #pendingFor(friend: Friend): SignedRecord[] {
    const self = this.#dependencies.network.self.toString()
    return [...friend.pending]
      .flatMap(peer => (peer === self ? this.#own?.for(friend.scope) : this.#table.told(peer)) ?? [])
      .filter(
        ({ peer, sequence, scope }) =>
          lacks(friend, peer.toString(), sequence) && isWithin(scope, friend.scope),
      )
      .slice(0, MAX_RECORDS)
  }

  /** Takes in what a peer told. @throws SkepError PEER_RECORD_INVALID: nobody passes on what he didn't check */
  async #take(records: readonly Uint8Array[], friend: Friend): Promise<void> {
    const { peers, metrics } = this.#dependencies
    for (const bytes of records) {
      try {
        const result = await this.#takeOne(bytes, friend)
        metrics.records.inc({ result })
      } catch (error) {
        metrics.records.inc({ result: 'invalid' })
        peers.report(friend.peer, 'protocol-violation', `${peersProtocol.protocol.id}: ${messageOf(error)}`)
        throw error
      }
    }
    if (!this.#table.met(friend.peer)) return
    const record = this.#table.get(friend.peer)
    if (record) this.#passOn(record, friend)
  }

  async #takeOne(bytes: Uint8Array, friend: Friend): Promise<'news' | 'known' | 'refused'> {
    const { network, onFound } = this.#dependencies
    let told: PeerId | undefined
    const record = await openRecord(bytes, (peer, sequence) => {
      told = peer
      remember(friend, peer.toString(), sequence, false)
      return peer.equals(network.self)
        ? this.#own?.isOutdoneBy(sequence) === true
        : this.#table.isNewer(peer, sequence)
    })
    if (!record) {
      this.#vouched(told, friend)
      return 'known'
    }
    if (record.peer.equals(network.self)) {
      if (await this.#own?.outdo(record.sequence)) this.#tellAll(record.peer)
      return 'known'
    }
    // An address of a private network means nothing to those outside, or something else.
    if (record.addresses.length === 0 || !isWithin(record.scope, friend.scope)) return 'refused'
    // Meanwhile another peer may have told it.
    if (!this.#table.isNewer(record.peer, record.sequence)) return 'known'
    const taken = this.#table.put(record, friend.peer)
    if (taken !== 'news') return taken === 'same' ? 'known' : 'refused'
    onFound(record, friend.peer)
    if (this.#table.told(record.peer.toString())) this.#passOn(record, friend)
    return 'news'
  }

  /** Somebody else knows it, too. */
  #vouched(peer: PeerId | undefined, { peer: teller }: Friend): void {
    const record = peer && !peer.equals(teller) ? this.#table.get(peer) : undefined
    if (record) this.#dependencies.onFound(record, teller)
  }

  #passOn(record: SignedRecord, from: Friend): void {
    for (const friend of this.#friends.values()) {
      if (friend === from || friend.peer.equals(record.peer)) continue
      if (isWithin(record.scope, friend.scope)) this.#tell(friend, [record], PASS_ON_MS)
    }
    this.#wake()
  }

  #tell(friend: Friend, records: readonly SignedRecord[], withinMs = 0): void {
    const { nowMs, random } = this.#dependencies
    for (const { peer, sequence } of records) {
      if (lacks(friend, peer.toString(), sequence)) owe(friend, peer.toString())
    }
    if (friend.pending.size > 0) friend.tellAtMs = Math.min(friend.tellAtMs, nowMs() + withinMs * random())
  }

  /** This node may be elsewhere now. */
  async #announce(): Promise<void> {
    const { network } = this.#dependencies
    if (await this.#own?.update(network.addresses())) this.#tellAll(network.self)
  }

  #tellAll(self: PeerId): void {
    for (const friend of this.#friends.values()) {
      owe(friend, self.toString())
      friend.tellAtMs = this.#dependencies.nowMs()
    }
    this.#wake()
  }
}
