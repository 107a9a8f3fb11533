import type { PeerId } from '@libp2p/interface'
import { isSkepError, messageOf } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Logger } from '../logger.ts'
import { defineProtocol } from '../messages/define.ts'
import type { NetworkPort } from '../network/network-port.ts'
import type { Peers } from '../state/peer-state.ts'
import { idOf, keyOf } from './keys.ts'
import type { Membership } from './membership.ts'
import { compareHeads, type Head } from './roster.ts'
import { MAX_ROSTER_BYTES, type SignedRoster } from './signed-roster.ts'
import { FleetRequest, FleetResponse, type RosterHead } from './wire/fleet.js'

const TIMEOUT_MS = 20_000
/** Heads and framing, beside a roster. */
const MAX_HEAD_BYTES = 1024

/**
 * Open to anyone: a roster proves itself, and who has just joined is a stranger to members that haven't heard of it. But only
 * members are told anything.
 */
const protocol = defineProtocol<FleetRequest, FleetResponse>({
  id: '/skep/fleet/1.0.0',
  request: FleetRequest,
  response: FleetResponse,
  limits: {
    maxMessageBytes: MAX_ROSTER_BYTES + MAX_HEAD_BYTES,
    idleTimeoutMs: TIMEOUT_MS,
    maxStreamsPerPeer: 2,
    streamsPerSecond: 2,
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
  #unsubscribe = (): void => {}

  constructor(deps: RosterExchangeDependencies) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { network, events } = this.#deps
    await protocol.handle(network, (request, { peer }) => this.#answer(request, peer))
    this.#unsubscribe = events.on('peer:connected', ({ peer }) => this.#meet(peer))
  }

  stop(): void {
    this.#unsubscribe()
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

  async #meet(peer: PeerId): Promise<void> {
    const { membership, log } = this.#deps
    if (!membership.isMember(peer)) return
    const key = peer.toString()
    const underWay = this.#meetings.get(key)
    if (underWay) {
      underWay.again = true
      return
    }
    const meeting = { again: false }
    this.#meetings.set(key, meeting)
    try {
      do {
        meeting.again = false
        await this.#compare(peer)
      } while (meeting.again && !this.#stopped.signal.aborted)
    } catch (error) {
      log.debug({ err: error, peer: key }, 'rosters were not compared')
    } finally {
      this.#meetings.delete(key)
    }
  }

  async #compare(peer: PeerId): Promise<void> {
    const { membership } = this.#deps
    const { signed: asked } = membership
    if (!asked) return
    const { head, roster } = await this.#ask(peer, asked, NOTHING)
    if (roster.byteLength > 0) await this.#take(roster, peer)
    const { signed: ours } = membership
    const isNewer = !head || (ours && compareHeads(ours.head, fromWire(head)) > 0)
    if (!ours || !isNewer) return
    // The other one may have made its own edits again, on top of ours.
    const answer = await this.#ask(peer, ours, ours.bytes)
    if (answer.roster.byteLength > 0) await this.#take(answer.roster, peer)
  }

  #ask(peer: PeerId, { head }: SignedRoster, roster: Uint8Array<ArrayBuffer>): Promise<FleetResponse> {
    const request = { head: toWire(head), roster, leaving: false }
    return protocol.call(this.#deps.network, peer, request, { signal: this.#stopped.signal })
  }

  async #answer({ head, roster, leaving }: FleetRequest, peer: PeerId): Promise<FleetResponse> {
    const { membership, peers, log } = this.#deps
    const nothing = { roster: NOTHING }
    const theirs = head && readHead(head)
    if (head && !theirs) {
      peers.report(peer, 'protocol-violation', `${protocol.protocol.id}: what it has is no roster`)
      return nothing
    }
    if (!theirs || membership.signed?.head.owner !== theirs.owner) return nothing
    if (roster.byteLength > 0) await this.#take(roster, peer)
    if (!membership.isMember(peer)) return nothing
    if (leaving && membership.canEdit) {
      log.info({ peer: peer.toString() }, 'a member leaves the fleet')
      await membership.edit({ kind: 'remove', peer: peer.toString() })
      return nothing
    }
    const { signed } = membership
    if (!signed) return nothing
    return {
      head: toWire(signed.head),
      roster: compareHeads(signed.head, theirs) > 0 ? signed.bytes : NOTHING,
    }
  }

  async #take(roster: Uint8Array, peer: PeerId): Promise<void> {
    const { membership, peers } = this.#deps
    try {
      await membership.adopt(roster)
    } catch (error) {
      if (!isSkepError(error, 'ROSTER_INVALID', 'FLEET_OTHER')) throw error
      peers.report(peer, 'protocol-violation', `${protocol.protocol.id}: ${messageOf(error)}`)
    }
  }
}

function toWire({ owner, term, version, hash }: Head): RosterHead {
  return { owner: keyOf(owner), term: BigInt(term), version: BigInt(version), hash }
}

function fromWire({ owner, term, version, hash }: RosterHead): Head {
  return { owner: idOf(owner), term: Number(term), version: Number(version), hash }
}

function readHead(head: RosterHead): Head | undefined {
  try {
    return fromWire(head)
  } catch {
    return undefined
  }
}
