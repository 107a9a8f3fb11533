import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type {
  Discovery,
  DiscoverySource,
  Events,
  Fleet,
  Health,
  Logger,
  NetworkPort,
  Peers,
} from '../../core/api.ts'
import { CandidateTable, type Standing } from './candidate-table.ts'
import type { DiscoveryConfig } from './config.ts'
import { Dialer } from './dialer.ts'
import { Introductions } from './introductions/introductions.ts'
import { Neighbours } from './mdns/neighbours.ts'
import { serviceTags } from './mdns/service-tags.ts'
import type { DiscoveryMetrics } from './metrics.ts'

export interface PeerFinderDependencies {
  readonly network: NetworkPort
  readonly peers: Peers
  readonly events: Events
  /** Where there is one, it says who is a member. */
  readonly fleet?: Fleet
  readonly metrics: DiscoveryMetrics
  readonly log: Logger
  /** Monotonic. */
  readonly nowMs: () => number
  /** Wall clock, in milliseconds. */
  readonly clock: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Ways in which only those of our own are met: on the same network, or named by the owner. */
const MEMBER_SOURCES: ReadonlySet<DiscoverySource | undefined> = new Set(['mdns', 'bootstrap', 'manual'])

/** What a connection is worth: to a member, and to any peer that introduces others. */
const MEMBER_WORTH = 60
const FRIEND_WORTH = 10
const WORTH_REASON = 'peer'

/** Finds peers in every way there is, and keeps enough of them connected. The core's peer table remembers them. */
export class PeerFinder implements Discovery {
  readonly #options: DiscoveryConfig
  readonly #dependencies: PeerFinderDependencies
  readonly #candidates: CandidateTable
  readonly #neighbours: Neighbours
  readonly #introductions: Introductions
  readonly #dialer: Dialer
  #unsubscribe: (() => void)[] = []

  constructor(options: DiscoveryConfig, dependencies: PeerFinderDependencies) {
    const { network, peers, events, metrics, log, nowMs, clock, random } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#candidates = new CandidateTable(
      { ...options.dial, maxCandidates: options.maxCandidates },
      { nowMs, random },
    )
    this.#neighbours = new Neighbours(options.mdns, {
      serviceTags: () => serviceTags(options.mdns.serviceTag, dependencies.fleet),
      network,
      events,
      nowMs,
      random,
      onFound: (peer, addresses) => this.found(peer, addresses, 'mdns'),
      onSent: kind => metrics.mdnsPackets.inc({ kind }),
    })
    this.#introductions = new Introductions(options.exchange, {
      network,
      peers,
      events,
      metrics,
      log,
      nowMs,
      clock,
      random,
      isMember: peer => this.isMember(peer),
      onFound: ({ peer, addresses }, teller) =>
        this.#found(peer, addresses, 'exchange', this.#isMetFirstHand(teller)),
      onFriend: peer => this.#value(peer),
    })
    this.#dialer = new Dialer(options.dial, {
      network,
      candidates: this.#candidates,
      admits: peer => dependencies.fleet?.admits(peer) ?? true,
      log,
      nowMs,
      onResult: result => metrics.dials.inc({ result }),
    })
  }

  sourceOf(peer: string): DiscoverySource | undefined {
    return this.#dependencies.peers.get(peerIdFromString(peer))?.foundBy
  }

  isMember(peer: PeerId): boolean {
    const { fleet } = this.#dependencies
    return fleet?.isMember(peer) ?? (this.#candidates.get(peer)?.isMember || this.#isMetFirstHand(peer))
  }

  found(peer: PeerId, addresses: readonly Multiaddr[], source: DiscoverySource): void {
    this.#found(peer, addresses, source, false)
  }

  /** Takes in who is known already, and listens for who comes and goes. */
  async open(): Promise<void> {
    const { network, peers, events, metrics } = this.#dependencies
    metrics.observe(() => ({
      candidates: this.#candidates.size,
      records: this.#introductions.size,
      isMdnsWorking: this.#neighbours.isWorking,
    }))
    for (const text of this.#options.bootstrap) {
      const address = multiaddr(text)
      this.found(peerIdFromString(peerIdOf(address)), [address], 'bootstrap')
    }
    for (const { peer, addresses } of peers.remembered()) {
      this.found(peer, addresses, 'remembered')
    }
    this.#unsubscribe = [
      events.on('peer:connected', ({ peer }) => this.#connected(peer)),
      events.on('peer:disconnected', ({ peer }) => this.#disconnected(peer)),
      events.on('peer:forgotten', ({ peer }) => this.#candidates.forget(peer)),
      events.on('fleet:changed', () => {
        this.#candidates.review(peer => this.#isOwn(peer))
        for (const peer of network.connectedPeers()) this.#value(peer)
        this.#dialer.wake()
      }),
      events.on('network:changed', () => {
        this.#candidates.retryAll()
        this.#dialer.wake()
      }),
    ]
    for (const peer of network.connectedPeers()) this.#connected(peer)
    if (this.#options.exchange.enabled) await this.#introductions.open()
  }

  /** Stops listening. Idempotent. */
  close(): void {
    for (const stop of this.#unsubscribe.splice(0)) stop()
    this.#introductions.close()
  }

  /** Background loop, where mDNS is enabled. */
  findNeighbours(signal: AbortSignal): Promise<void> {
    return this.#neighbours.run(signal)
  }

  /** Background loop, where peer exchange is enabled. */
  introduce(signal: AbortSignal): Promise<void> {
    return this.#introductions.run(signal)
  }

  /** Background loop. */
  dial(signal: AbortSignal): Promise<void> {
    return this.#dialer.run(signal)
  }

  health(): Health {
    const health = this.#neighbours.health()
    if (health.status === 'ok' || this.#candidates.size > 0) return health
    return { ...health, reason: `${health.reason}; and there is no bootstrap or remembered peer` }
  }

  /** What the status shows. */
  describe(): object {
    const { mdns, bootstrap, exchange } = this.#options
    const states = { idle: 0, dialing: 0, connected: 0 }
    let members = 0
    for (const { isMember, state } of this.#candidates.list()) {
      if (isMember) members += 1
      states[state] += 1
    }
    return {
      mdns: {
        enabled: mdns.enabled,
        serviceTags: this.#neighbours.serviceTags,
        working: this.#neighbours.isWorking,
        interfaces: this.#neighbours.interfaces(),
      },
      bootstrap: bootstrap.length,
      exchange: {
        enabled: exchange.enabled,
        friends: this.#introductions.friends,
        records: this.#introductions.size,
      },
      candidates: { total: this.#candidates.size, ...states, members },
    }
  }

  #found(
    peer: PeerId,
    addresses: readonly Multiaddr[],
    source: DiscoverySource,
    isIntroduced: boolean,
  ): void {
    const { network, peers, metrics, log, fleet } = this.#dependencies
    if (peer.equals(network.self)) return
    const usable = this.#withoutOwn(addresses)
    peers.found(peer, source, usable)
    const standing: Standing = {
      isMember: fleet?.isMember(peer) ?? (isIntroduced || this.#isMetFirstHand(peer)),
      isConfigured: source === 'bootstrap',
    }
    if (this.#candidates.found(peer, usable, standing)) {
      metrics.found.inc({ source })
      log.debug({ peer: peer.toString(), source }, 'peer found')
    }
    if (this.#candidates.get(peer)?.state === 'connected') this.#value(peer)
    this.#dialer.wake()
  }

  #connected(peer: PeerId): void {
    const { peers, metrics } = this.#dependencies
    if (!this.#candidates.get(peer)) metrics.found.inc({ source: peers.get(peer)?.foundBy ?? 'inbound' })
    this.#candidates.connected(peer, { isMember: this.#isOwn(peer), isConfigured: false })
    this.#value(peer)
    this.#dialer.wake()
  }

  #disconnected(peer: PeerId): void {
    const { network, peers } = this.#dependencies
    // What it told about itself while it was connected is the way back.
    const told = (peers.get(peer)?.addresses ?? []).flatMap(text => parse(text) ?? [])
    const standing = { isMember: this.#isOwn(peer), isConfigured: false }
    this.#candidates.found(peer, this.#withoutOwn(told), standing)
    this.#candidates.disconnected(peer)
    network.value(peer, WORTH_REASON, 0)
    this.#dialer.wake()
  }

  #value(peer: PeerId): void {
    const { network } = this.#dependencies
    if (network.connections(peer).length === 0) return
    const worth = this.isMember(peer) ? MEMBER_WORTH : this.#introductions.isFriend(peer) ? FRIEND_WORTH : 0
    network.value(peer, WORTH_REASON, worth)
  }

  /** One of our own, whatever others say of it. */
  #isOwn(peer: PeerId): boolean {
    return this.#dependencies.fleet?.isMember(peer) ?? this.#isMetFirstHand(peer)
  }

  #isMetFirstHand(peer: PeerId): boolean {
    return MEMBER_SOURCES.has(this.#dependencies.peers.get(peer)?.foundBy)
  }

  /** Every node listens on its own 127.0.0.1: dialing that of another would reach this one. */
  #withoutOwn(addresses: readonly Multiaddr[]): Multiaddr[] {
    const own = this.#dependencies.network.addresses().map(withoutPeer)
    return addresses.map(withoutPeer).filter(address => !own.some(mine => mine.equals(address)))
  }
}

/** A relay's address ends in `/p2p-circuit`: what is before that names the relay and stays. */
function withoutPeer(address: Multiaddr): Multiaddr {
  const last = address.getComponents().at(-1)
  return last?.code === CODE_P2P ? address.decapsulateCode(CODE_P2P) : address
}

/** Undefined for what is no address: peers choose what they tell. */
function parse(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}

function peerIdOf(address: Multiaddr): string {
  const id = address.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
  if (!id) throw new TypeError(`${address} has no peer id`)
  return id
}
