import { setInterval } from 'node:timers/promises'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type {
  Discovery,
  DiscoverySource,
  Events,
  Health,
  KeyValueStore,
  Logger,
  NetworkPort,
  Peers,
} from '../../core/api.ts'
import { type Candidate, CandidateTable } from './candidate-table.ts'
import type { DiscoveryConfig } from './config.ts'
import { Dialer } from './dialer.ts'
import type { DiscoveryMetrics } from './metrics.ts'
import { Neighbours } from './neighbours.ts'
import { RememberedPeers } from './remembered-peers.ts'

export interface PeerFinderDependencies {
  readonly network: NetworkPort
  readonly peers: Peers
  readonly events: Events
  readonly store: KeyValueStore
  readonly metrics: DiscoveryMetrics
  readonly log: Logger
  /** Monotonic. */
  readonly nowMs: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Finds peers in every way there is, keeps enough of them connected, and remembers them. */
export class PeerFinder implements Discovery {
  readonly #options: DiscoveryConfig
  readonly #dependencies: PeerFinderDependencies
  readonly #candidates: CandidateTable
  readonly #remembered: RememberedPeers
  readonly #neighbours: Neighbours
  readonly #dialer: Dialer
  #unsubscribe: (() => void)[] = []

  constructor(options: DiscoveryConfig, dependencies: PeerFinderDependencies) {
    const { network, store, metrics, log, nowMs, random } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#candidates = new CandidateTable(
      { ...options.dial, maxCandidates: options.maxCandidates },
      { nowMs, random },
    )
    this.#remembered = new RememberedPeers(options.remember, { store })
    this.#neighbours = new Neighbours(options.mdns, {
      network,
      nowMs,
      onFound: (peer, addresses) => this.found(peer, addresses, 'mdns'),
    })
    this.#dialer = new Dialer(options.dial, {
      network,
      candidates: this.#candidates,
      log,
      nowMs,
      onResult: result => metrics.dials.inc({ result }),
    })
  }

  get remembered(): number {
    return this.#remembered.size
  }

  sourceOf(peer: string): DiscoverySource | undefined {
    return this.#candidates.get(peer)?.source
  }

  isMember(peer: PeerId): boolean {
    return this.#candidates.get(peer.toString())?.isMember ?? false
  }

  /** Takes in who is known already, and listens for who comes and goes. */
  open(): void {
    const { network, events, metrics } = this.#dependencies
    metrics.observe(() => ({
      candidates: this.#candidates.size,
      remembered: this.remembered,
      isMdnsWorking: this.#neighbours.isWorking,
    }))
    for (const text of this.#options.bootstrap) {
      const address = multiaddr(text)
      this.found(peerIdFromString(peerIdOf(address)), [address], 'bootstrap')
    }
    for (const { peer, addresses } of this.#remembered.load()) {
      this.found(peerIdFromString(peer), addresses, 'remembered')
    }
    this.#unsubscribe = [
      events.on('peer:connected', ({ peer }) => this.#connected(peer)),
      events.on('peer:disconnected', ({ peer }) => this.#disconnected(peer)),
    ]
    for (const peer of network.connectedPeers()) this.#connected(peer)
  }

  /** Stops listening and saves. Idempotent. */
  async close(): Promise<void> {
    for (const stop of this.#unsubscribe.splice(0)) stop()
    this.#rememberConnected(() => true)
    await this.#remembered.save()
  }

  /** Background loop, where mDNS is enabled. */
  findNeighbours(signal: AbortSignal): Promise<void> {
    return this.#neighbours.run(signal)
  }

  /** Background loop. */
  dial(signal: AbortSignal): Promise<void> {
    return this.#dialer.run(signal)
  }

  /** Background loop. */
  async keepSaved(signal: AbortSignal): Promise<void> {
    const { savePeriodMs } = this.#options.remember
    for await (const _ of setInterval(savePeriodMs, undefined, { signal, ref: false })) {
      this.#rememberConnected(({ peer }) => !this.#remembered.has(peer.toString()))
      await this.#remembered.save()
    }
  }

  health(): Health {
    const health = this.#neighbours.health()
    if (health.status === 'ok' || this.#options.bootstrap.length > 0 || this.remembered > 0) return health
    return { ...health, reason: `${health.reason}; and there is no bootstrap or remembered peer` }
  }

  /** What the status shows. */
  describe(): object {
    const { mdns, bootstrap } = this.#options
    const sources: Partial<Record<DiscoverySource, number>> = {}
    const states = { idle: 0, dialing: 0, connected: 0 }
    for (const { source, state } of this.#candidates.list()) {
      sources[source] = (sources[source] ?? 0) + 1
      states[state] += 1
    }
    return {
      mdns: { enabled: mdns.enabled, serviceTag: mdns.serviceTag, working: this.#neighbours.isWorking },
      bootstrap: bootstrap.length,
      remembered: this.remembered,
      candidates: { total: this.#candidates.size, ...states, bySource: sources },
    }
  }

  found(peer: PeerId, addresses: readonly Multiaddr[], source: DiscoverySource): void {
    const { network, metrics, log } = this.#dependencies
    if (peer.equals(network.self)) return
    if (this.#candidates.found(peer, this.#withoutOwn(addresses), source)) {
      metrics.found.inc({ source })
      log.debug({ peer: peer.toString(), source }, 'peer found')
    }
    this.#dialer.wake()
  }

  #connected(peer: PeerId): void {
    const { network, metrics } = this.#dependencies
    const [connection] = network.connections(peer)
    const source = connection?.direction === 'inbound' ? 'inbound' : 'manual'
    if (this.#candidates.connected(peer, source)) metrics.found.inc({ source })
    this.#remember(peer)
    this.#dialer.wake()
  }

  #disconnected(peer: PeerId): void {
    // What it told about itself while it was connected is the way back.
    this.#candidates.found(peer, this.#toldBy(peer), 'inbound')
    this.#remember(peer)
    this.#candidates.disconnected(peer)
    this.#dialer.wake()
  }

  #rememberConnected(isWanted: (candidate: Candidate) => boolean): void {
    for (const candidate of this.#candidates.list()) {
      if (candidate.state === 'connected' && isWanted(candidate)) this.#remember(candidate.peer)
    }
  }

  #remember(peer: PeerId): void {
    const known = this.#candidates.get(peer.toString())?.addresses ?? []
    const told = this.#toldBy(peer)
    const addresses = [...known, ...told.filter(address => !known.some(other => other.equals(address)))]
    this.#remembered.remember({ peer: peer.toString(), addresses })
  }

  /** Where the peer says it listens. Before it has said so, all we know is the port that it calls from. */
  #toldBy(peer: PeerId): Multiaddr[] {
    const summary = this.#dependencies.peers.get(peer)
    if (!summary || summary.protocols.length === 0) return []
    return this.#withoutOwn(summary.addresses.flatMap(text => parse(text) ?? []))
  }

  /** Every node listens on its own 127.0.0.1: dialing that of another would reach this one. */
  #withoutOwn(addresses: readonly Multiaddr[]): Multiaddr[] {
    const own = this.#dependencies.network.addresses().map(withoutPeer)
    return addresses.map(withoutPeer).filter(address => !own.some(mine => mine.equals(address)))
  }
}

function withoutPeer(address: Multiaddr): Multiaddr {
  return address.decapsulateCode(CODE_P2P)
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
