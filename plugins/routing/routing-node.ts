import type { PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import {
  type Clock,
  type Discovery,
  type Events,
  type Fleet,
  HEALTHY,
  type Health,
  type Logger,
  type NetworkPort,
  type Peers,
  type Pins,
  type PluginContext,
  type Reputation,
  type Storage,
} from '../../core/api.ts'
import type { RoutingConfig } from './config.ts'
import { ContentRouter } from './content-router.ts'
import { DelegatedRouters } from './delegated/delegated-routers.ts'
import { AMINO_BOOTSTRAP, keepJoined } from './dht/bootstrap.ts'
import { Kademlia } from './dht/kademlia.ts'
import { TableRefresh } from './dht/refresh.ts'
import { MembersIndex } from './members/members-index.ts'
import type { MembersMetrics } from './members/metrics.ts'
import type { RoutingMetrics } from './metrics.ts'
import { Announcer } from './provide/announcer.ts'
import type { Source } from './search/source.ts'
import { delegatedSource, dhtSource, membersSource } from './search/sources.ts'

export interface RoutingNodeDependencies {
  readonly network: NetworkPort
  readonly storage: Storage
  readonly pins: Pins
  readonly events: Events
  readonly peers: Peers
  /** Where it is there. */
  discovery(): Discovery | undefined
  /** Where it is there. */
  fleet?(): Fleet | undefined
  /** Where it is there. */
  reputation?(): Reputation | undefined
  readonly metrics: RoutingMetrics
  readonly membersMetrics: MembersMetrics
  readonly supervise: PluginContext['supervise']
  readonly log: Logger
  readonly clock: Clock
  /** Fills the bytes it is given. */
  readonly random: (bytes: Uint8Array) => Uint8Array
}

/** Before each time that connected peers are asked whether they take part in the DHT of the fleet. */
const GREETING_PAUSES_MS = [500, 2_000, 10_000]

/** All parts of the plugin, and their life. */
export class RoutingNode {
  readonly router: ContentRouter
  readonly #config: RoutingConfig
  readonly #deps: RoutingNodeDependencies
  /** From the start on: it draws keys. */
  #members: MembersIndex | undefined
  readonly #dht: Kademlia | undefined
  readonly #delegated: DelegatedRouters | undefined
  readonly #refresh: TableRefresh | undefined
  readonly #announcer: Announcer | undefined
  readonly #undo: (() => void)[] = []
  readonly #stopped = new AbortController()
  #greeting = new AbortController()
  /** Changes of the DHT's network, one after the other. */
  #following: Promise<void> = Promise.resolve()

  constructor(config: RoutingConfig, deps: RoutingNodeDependencies) {
    this.#config = config
    this.#deps = deps
    this.#dht = config.dht.network === 'off' ? undefined : this.#createDht()
    this.#delegated =
      config.delegated.length === 0
        ? undefined
        : new DelegatedRouters({ urls: config.delegated, timeoutMs: config.lookup.timeoutMs }, deps)
    this.#refresh =
      this.#dht && new TableRefresh({ periodMs: config.dht.refreshMs }, { ...deps, dht: this.#dht })
    this.#announcer =
      this.#dht && config.provide.what !== 'none' ? this.#createAnnouncer(this.#dht) : undefined
    this.router = new ContentRouter(config.lookup, { ...deps, sources: this.#sources() })
  }

  async start(): Promise<void> {
    const { events, metrics, supervise } = this.#deps
    metrics.observe(() => ({
      dhtPeers: this.#dht?.peers ?? 0,
      dhtRecords: this.#dht?.records ?? 0,
      isServer: this.#dht?.mode === 'server',
      announceShare: this.#announcer?.share ?? 0,
    }))
    this.#warnOfPrivacy()
    this.#members = this.#createMembers()
    await this.#members.start()
    const dht = this.#dht
    if (!dht) return
    const isOther = await dht.start()
    this.#undo.push(
      events.on('fleet:changed', () => this.#follow(dht)),
      events.on('network:addresses', () => dht.reconsiderMode()),
      events.on('network:changed', () => this.#refresh?.again()),
    )
    const first = this.#bootstrap()
    if (first.length > 0) {
      supervise('bootstrap', signal => keepJoined(first, { ...this.#deps, dht }, signal))
    }
    supervise('refresh', async signal => this.#refresh?.run(signal))
    this.#startAnnouncer()
    if (isOther) this.#announcer?.startOver()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    for (const step of this.#undo.splice(0)) step()
    await this.#following
    await this.#members?.stop()
    await this.#dht?.stop()
  }

  /** No peer of the DHT is how a node begins, and how one alone stays: nothing is wrong with it. */
  health(): Health {
    return HEALTHY
  }

  /** What the status shows. */
  describe(): object {
    const { network } = this.#config.dht
    return {
      dht: this.#dht
        ? {
            network,
            protocol: this.#dht.protocol,
            mode: this.#dht.mode,
            peers: this.#dht.peers,
            records: this.#dht.records,
          }
        : { network },
      provide: this.#announcer?.describe() ?? { what: this.#config.provide.what, state: 'off' },
      delegated: this.#config.delegated.length,
      members: this.#members?.describe(),
    }
  }

  /** Where the fleet is another one, so is its DHT. */
  #follow(dht: Kademlia): void {
    const { log } = this.#deps
    this.#greeting.abort()
    this.#greeting = new AbortController()
    const signal = AbortSignal.any([this.#stopped.signal, this.#greeting.signal])
    const follow = async (): Promise<void> => {
      if (this.#stopped.signal.aborted || !(await dht.follow())) return
      log.info({ protocol: dht.protocol }, 'the DHT is that of another fleet now')
      this.#refresh?.again()
      this.#announcer?.startOver()
    }
    this.#following = this.#following
      .then(follow)
      .catch(err => log.error({ err }, 'the DHT of the fleet did not start'))
    void this.#following.then(() => this.#greet(dht, signal)).catch(() => undefined)
  }

  /** Who is connected may come into the same network a moment sooner or later. */
  async #greet(dht: Kademlia, signal: AbortSignal): Promise<void> {
    const fleet = this.#deps.fleet?.()
    const isWanted = (peer: PeerId): boolean => fleet?.isMember(peer) ?? true
    for (const pauseMs of GREETING_PAUSES_MS) {
      await this.#deps.clock.wait(pauseMs, signal)
      await dht.greet(isWanted, signal)
    }
  }

  #sources(): Source[] {
    const { dhtDelayMs, delegatedDelayMs } = this.#config.lookup
    return [
      membersSource({ providersOf: cid => this.#members?.providersOf(cid) ?? [] }),
      ...(this.#dht ? [dhtSource(this.#dht, { delayMs: dhtDelayMs })] : []),
      ...(this.#delegated ? [delegatedSource(this.#delegated, { delayMs: delegatedDelayMs })] : []),
    ]
  }

  #createMembers(): MembersIndex {
    const { storage, membersMetrics, discovery, clock } = this.#deps
    return new MembersIndex(this.#config.members, {
      ...this.#deps,
      blocks: storage.blocks,
      metrics: membersMetrics,
      isMember: peer => discovery()?.isMember(peer) ?? false,
      now: () => clock.nowMs(),
    })
  }

  #createDht(): Kademlia {
    const { storage, clock } = this.#deps
    return new Kademlia(this.#config.dht, {
      ...this.#deps,
      store: storage.bookkeeping,
      fleetLabel: () => this.#deps.fleet?.()?.label,
      provides: hash => this.#provides(hash),
      onPeer: (peer, addresses) => this.#deps.discovery()?.found(peer, addresses, 'dht'),
      onTable: () => {
        this.#refresh?.changed()
        this.#announcer?.tableChanged()
      },
      wallMs: () => clock.wallMs(),
      nowMs: () => clock.nowMs(),
    })
  }

  #createAnnouncer(dht: Kademlia): Announcer {
    const { storage } = this.#deps
    return new Announcer(this.#config.provide, {
      ...this.#deps,
      dht,
      blocks: storage.blocks,
      store: storage.bookkeeping,
    })
  }

  #startAnnouncer(): void {
    const { events, supervise } = this.#deps
    const announcer = this.#announcer
    if (!announcer) return
    announcer.open()
    this.#undo.push(
      events.on('content:pinned', ({ cid }) => announcer.add(cid.multihash.bytes)),
      events.on('content:unpinned', ({ cid }) => announcer.drop(cid.multihash.bytes)),
    )
    supervise('provide', signal => announcer.run(signal))
  }

  /** Whoever is asked for the providers of something may name itself, where it announces what it has at all. */
  #provides(hash: Uint8Array): boolean {
    if (this.#config.provide.what === 'none') return false
    return this.#deps.storage.blocks.has(CID.createV1(raw.code, decode(hash)))
  }

  /** What is of the public network is of no use to a private one. */
  #warnOfPrivacy(): void {
    const { network, log } = this.#deps
    if (!network.isPrivate) return
    if (this.#config.dht.network === 'amino')
      log.warn('routing.dht.network is amino, whose nodes a private network does not reach: use fleet')
    if (this.#delegated)
      log.warn(
        'routing.delegated tells its servers what a private network looks for, and finds nobody in reach',
      )
  }

  #bootstrap() {
    const { network, bootstrap } = this.#config.dht
    const isAmino = network === 'amino' && !this.#deps.network.isPrivate
    const texts = bootstrap.length === 0 && isAmino ? AMINO_BOOTSTRAP : bootstrap
    return texts.map(text => multiaddr(text))
  }
}
