import { setTimeout as wait } from 'node:timers/promises'
import type { PeerId } from '@libp2p/interface'
import { isSkepError, messageOf } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Logger } from '../logger.ts'
import { defineProtocol } from '../messages/define.ts'
import { networkError } from '../network/errors.ts'
import type { NetworkPort } from '../network/network-port.ts'
import type { Peers } from '../state/peer-state.ts'
import { idOf, keyOf } from './keys.ts'
import type { Membership } from './membership.ts'
import { compareHeads, type Head } from './roster.ts'
import { MAX_ROSTER_BYTES, type SignedRoster } from './signed-roster.ts'
import { FleetRequest, FleetResponse, type RosterHead } from './wire/fleet.js'

const TIMEOUT_MS = 20_000
/** Between two comparisons with one peer: what changes meanwhile goes over at once. */
const GAP_MS = 250
/** Between two rosters of peers that are no members here: checking one takes milliseconds, and some more on a small board. */
const STRANGERS_GAP_MS = 500
/** After a comparison that failed: doubled with each, as long as the peer is connected. */
const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 5 * 60_000
/** Heads and framing, beside a roster. */
const MAX_HEAD_BYTES = 1024

/**
 * Open to anyone: a roster proves itself, and who has just joined is a stranger to members that haven't heard of it. But only
 * members are told anything, and who was removed.
 */
const protocol = defineProtocol<FleetRequest, FleetResponse>({
  id: '/skep/fleet/1.0.0',
  request: FleetRequest,
  response: FleetResponse,
  limits: {
    maxMessageBytes: MAX_ROSTER_BYTES + MAX_HEAD_BYTES,
    idleTimeoutMs: TIMEOUT_MS,
    maxStreamsPerPeer: 4,
    // Twice what one that keeps to the gap opens.
    streamsPerSecond: 16,
    trust: 'anyone',
    timeoutMs: TIMEOUT_MS,
  },
})

const NOTHING = new Uint8Array()

export interface RosterExchangeDependencies {
  readonly network: NetworkPort
  readonly membership: Membership
  readonly peers: Pick<Peers, 'report'>
  readonly events: Events
  readonly log: Logger
}

/** Members that meet compare their rosters, and the newer one goes over; one that changes goes to all that are connected. */
export class RosterExchange {
  readonly #deps: RosterExchangeDependencies
  readonly #stopped = new AbortController()
  /** Peers under way, by id, and whether the roster has changed since; no more than are connected. */
  readonly #meetings = new Map<string, { again: boolean }>()
  /** Members, by id, that said goodbye and are still connected. */
  readonly #leaving = new Set<string>()
  #lastStrangerMs = Number.NEGATIVE_INFINITY
  #unsubscribe: (() => void)[] = []

  constructor(deps: RosterExchangeDependencies) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { network, events } = this.#deps
    await protocol.handle(network, (request, { peer }) => this.#answer(request, peer))
    this.#unsubscribe = [
      events.on('peer:connected', ({ peer }) => this.#meet(peer)),
      events.on('peer:disconnected', ({ peer }) => this.#strike(peer)),
    ]
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    this.#stopped.abort()
  }

  /** The roster has changed: whoever is connected shall know. */
  spread(): void {
    for (const peer of this.#deps.network.connectedPeers()) void this.#meet(peer)
  }

  /** Tells connected operators that this node leaves; resolves with how many have heard it. */
  async sayGoodbye(signal: AbortSignal): Promise<number> {
    const { network, membership } = this.#deps
    const { signed } = membership
    if (!signed) return 0
    const operators = network
      .connectedPeers()
      .filter(peer => membership.roleOf(peer.toString()) === 'operator')
    const told = await Promise.allSettled(
      operators.map(peer =>
        protocol.call(
          network,
          peer,
          { head: toWire(signed.head), roster: NOTHING, leaving: true },
          { signal },
        ),
      ),
    )
    return told.filter(({ status }) => status === 'fulfilled').length
  }

  /** Takes a peer off the roster that left. */
  async #strike(peer: PeerId): Promise<void> {
    const { membership, log } = this.#deps
    const id = peer.toString()
    if (!this.#leaving.delete(id) || !membership.canEdit) return
    log.info({ peer: id }, 'a member has left the fleet')
    await membership
      .edit({ kind: 'remove', peer: id })
      .catch(err => log.warn({ err, peer: id }, 'who left stays on the roster'))
  }

  async #meet(peer: PeerId): Promise<void> {
    const { log } = this.#deps
    if (!this.#isMet(peer)) return
    const key = peer.toString()
    const underWay = this.#meetings.get(key)
    if (underWay) {
      underWay.again = true
      return
    }
    const meeting = { again: true }
    this.#meetings.set(key, meeting)
    let retryMs = FIRST_RETRY_MS
    while (meeting.again && this.#isMet(peer)) {
      meeting.again = false
      try {
        await this.#compare(peer)
        retryMs = FIRST_RETRY_MS
        await this.#rest(GAP_MS)
      } catch (error) {
        log.debug({ err: error, peer: key, retryMs }, 'rosters were not compared')
        await this.#rest(retryMs)
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)
        meeting.again = true
      }
    }
    this.#meetings.delete(key)
  }

  #isMet(peer: PeerId): boolean {
    const { network, membership } = this.#deps
    return !this.#stopped.signal.aborted && membership.isMember(peer) && network.connections(peer).length > 0
  }

  async #rest(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {})
  }

  async #compare(peer: PeerId): Promise<void> {
    const { membership } = this.#deps
    const { signed: asked } = membership
    if (!asked) return
    const theirs = await this.#ask(peer, asked, NOTHING)
    const { signed: ours } = membership
    const isNewer = !theirs || (ours && compareHeads(ours.head, theirs) > 0)
    // The other one may have made its own edits again, on top of ours.
    if (ours && isNewer) await this.#ask(peer, ours, ours.bytes)
  }

  /** Takes what the answer brings; resolves with what the other one has, where it tells. */
  async #ask(
    peer: PeerId,
    { head }: SignedRoster,
    roster: Uint8Array<ArrayBuffer>,
  ): Promise<Head | undefined> {
    const request = { head: toWire(head), roster, leaving: false }
    const signal = this.#stopped.signal
    const answer = await protocol.call(this.#deps.network, peer, request, { signal })
    const theirs = answer.head && this.#read(answer.head, peer)
    if (theirs && answer.roster.byteLength > 0) await this.#take(answer.roster, theirs, peer)
    return theirs
  }

  async #answer({ head, roster, leaving }: FleetRequest, peer: PeerId): Promise<FleetResponse> {
    const { membership } = this.#deps
    const nothing = { roster: NOTHING }
    const theirs = head && this.#read(head, peer)
    const before = membership.signed?.head
    if (!theirs || before?.owner !== theirs.owner) return nothing
    // An old one, which everybody may have kept, costs a look at its head.
    if (roster.byteLength > 0 && compareHeads(theirs, before) > 0) {
      if (!membership.isMember(peer)) this.#spareStrangers()
      await this.#take(roster, theirs, peer)
    }
    const { signed } = membership
    const id = peer.toString()
    const isMember = membership.isMember(peer)
    // Who was removed knows the fleet, and shall know that it is out.
    if (!signed || !(isMember || signed.roster.removed.includes(id))) return nothing
    // It hangs up when it has the answer, which an edit now would cut off.
    if (isMember && leaving) this.#leaving.add(id)
    return {
      head: toWire(signed.head),
      roster: compareHeads(signed.head, theirs) > 0 ? signed.bytes : NOTHING,
    }
  }

  /** A member that isn't known yet tries again; others shall not keep us busy. */
  #spareStrangers(): void {
    const nowMs = performance.now()
    if (nowMs - this.#lastStrangerMs < STRANGERS_GAP_MS)
      throw networkError('STREAM_CLOSED', `${protocol.protocol.id}: too many strangers have rosters`)
    this.#lastStrangerMs = nowMs
  }

  /** `announced`: its head, as the peer says. */
  async #take(roster: Uint8Array, announced: Head, peer: PeerId): Promise<void> {
    const { membership } = this.#deps
    try {
      await membership.adopt(roster)
    } catch (error) {
      if (!isSkepError(error, 'ROSTER_INVALID', 'FLEET_OTHER')) throw error
      return this.#charge(peer, messageOf(error))
    }
    const { signed } = membership
    if (signed?.head.owner === announced.owner && compareHeads(announced, signed.head) > 0)
      this.#charge(peer, 'it has an older roster than it says')
  }

  #read(head: RosterHead, peer: PeerId): Head | undefined {
    try {
      return fromWire(head)
    } catch {
      this.#charge(peer, 'what it has is no roster')
      return undefined
    }
  }

  #charge(peer: PeerId, why: string): void {
    this.#deps.peers.report(peer, 'protocol-violation', `${protocol.protocol.id}: ${why}`)
  }
}

function toWire({ owner, term, version, hash }: Head): RosterHead {
  return { owner: keyOf(owner), term: BigInt(term), version: BigInt(version), hash }
}

function fromWire({ owner, term, version, hash }: RosterHead): Head {
  return { owner: idOf(owner), term: Number(term), version: Number(version), hash }
}
