import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import {
  type Clock,
  type FindProvidersOptions,
  type Logger,
  messageOf,
  type NetworkPort,
  type Peers,
  type Provider,
  type Reputation,
  type Routing,
  untilAborted,
  type WaitOptions,
} from '../../core/api.ts'
import type { LookupConfig } from './config.ts'
import type { RoutingMetrics } from './metrics.ts'
import { dialable, parseAddress } from './search/addresses.ts'
import { Misses } from './search/misses.ts'
import { ProviderRace } from './search/provider-race.ts'
import type { Source } from './search/source.ts'

export interface ContentRouterDependencies {
  /** In the order of what asking costs. */
  readonly sources: readonly Source[]
  readonly network: Pick<NetworkPort, 'self' | 'connections'>
  readonly peers: Pick<Peers, 'get'>
  /** Where it is there. */
  reputation?(): Reputation | undefined
  readonly metrics: RoutingMetrics
  readonly log: Logger
  readonly clock: Clock
}

/** Asks every source there is, the cheap ones first. */
export class ContentRouter implements Routing {
  readonly #options: LookupConfig
  readonly #deps: ContentRouterDependencies
  readonly #misses: ReadonlyMap<Source, Misses>

  constructor(options: LookupConfig, deps: ContentRouterDependencies) {
    this.#options = options
    this.#deps = deps
    // Of members all is known at any time.
    const costly = deps.sources.filter(({ name }) => name !== 'members')
    this.#misses = new Map(
      costly.map(source => [source, new Misses({ durationMs: options.missMs }, deps.clock)]),
    )
  }

  findProviders(cid: CID, options: FindProvidersOptions = {}): AsyncGenerator<Provider, void, void> {
    const { network, sources, peers, metrics, log, clock } = this.#deps
    const reputation = this.#deps.reputation?.()
    const { timeoutMs, maxProviders, enough } = this.#options
    const race = new ProviderRace(
      cid,
      { timeoutMs, maxProviders, enough: options.enough ?? enough },
      { self: network.self, sources, misses: this.#misses, peers, reputation, metrics, log, clock },
    )
    return race.run(options.signal)
  }

  /** What is known here, for a peer that was there lately; else what the first of the others knows, with it. */
  async findPeer(peer: PeerId, { signal }: WaitOptions = {}): Promise<readonly Multiaddr[]> {
    signal?.throwIfAborted()
    const known = this.#known(peer)
    const liveness = this.#deps.peers.get(peer)?.liveness
    if (known.length > 0 && (liveness === 'connected' || liveness === 'reachable')) return known
    return dialable([...(await this.#ask(peer, signal)), ...known])
  }

  #known(peer: PeerId): Multiaddr[] {
    const { network, peers } = this.#deps
    const told = peers.get(peer)?.addresses.flatMap(text => parseAddress(text) ?? []) ?? []
    const connected = network
      .connections(peer)
      .filter(({ direction }) => direction === 'outbound')
      .map(({ remoteAddr }) => remoteAddr)
    return dialable([...connected, ...told])
  }

  async #ask(peer: PeerId, signal: AbortSignal | undefined): Promise<readonly Multiaddr[]> {
    const over = new AbortController()
    const limits = [AbortSignal.timeout(this.#options.timeoutMs), over.signal, ...(signal ? [signal] : [])]
    const limited = AbortSignal.any(limits)
    const asked = this.#deps.sources
      .filter(source => source.isReady && source.findPeer)
      .map(async source => {
        const addresses = (await source.findPeer?.(peer, limited)) ?? []
        if (addresses.length === 0) throw new RangeError(`${source.name} does not know ${peer}`)
        return addresses
      })
    try {
      return await untilAborted(Promise.any(asked), limited)
    } catch (error) {
      signal?.throwIfAborted()
      this.#deps.log.debug(
        { peer: peer.toString(), reason: messageOf(error) },
        'nobody knows where a peer is',
      )
      return []
    } finally {
      over.abort()
    }
  }
}
