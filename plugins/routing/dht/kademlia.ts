import {
  type PeerDiscovery,
  type PeerId,
  type PeerInfo,
  type PeerRouting,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  start,
  stop,
  type TypedEventTarget,
} from '@libp2p/interface'
import type { KadDHT, KadDHTComponents, KadDHTInit, QueryEvent } from '@libp2p/kad-dht'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import {
  type KeyValueStore,
  type Logger,
  messageOf,
  type NetworkPort,
  untilAborted,
} from '../../../core/api.ts'
import type { DhtConfig } from '../config.ts'
import { routingError } from '../errors.ts'
import { dialable } from '../search/addresses.ts'
import type { FoundPeer } from '../search/source.ts'
import { encodeAddProvider, kadProtocol } from './add-provider.ts'
import { boundAnswers, type KadNetwork } from './answers.ts'
import { isReachable, modeFor } from './mode.ts'
import { partsFor } from './parts.ts'
import { RecordStore } from './record-store.ts'
import { Sightings } from './sightings.ts'
import { Slots } from './slots.ts'

const SERVICE = 'kad-dht'
/** https://github.com/libp2p/specs/blob/master/kad-dht/README.md#kademlia-dht-specification */
const AMINO_PROTOCOL = '/ipfs/kad/1.0.0'
/**
 * Paths of a look-up that share no node, so that one liar can't lead all of it astray. A fleet's own nodes don't lie, and each
 * path costs messages.
 */
const DISJOINT_PATHS: Readonly<Record<DhtConfig['network'], number>> = { off: 1, fleet: 1, amino: 3 }
/** The longest that a timer takes: kad-dht's own refresh knows no size of network, hence ours is in its place. */
const NEVER_MS = 2 ** 31 - 1
/** Nodes of the routing table are worth keeping, a little. */
const NEIGHBOUR_WORTH = 5
const WORTH_REASON = 'dht'
/** Peers found in answers of others that wait to be looked at; kad-dht's own default would take any number. */
const MAX_TABLE_UPDATES = 512

export interface KademliaDependencies {
  readonly network: NetworkPort
  /** Sets the fleet that this node is in apart; undefined in none. */
  fleetLabel(): string | undefined
  /** For what may be lost. */
  readonly store: KeyValueStore
  /** Whether this node provides what the multihash names. */
  provides(hash: Uint8Array): boolean
  /** A node of the DHT that an answer named. Called often, with the same ones. */
  onPeer(peer: PeerId, addresses: readonly Multiaddr[]): void
  /** The routing table has one more, or one less. */
  onTable(): void
  readonly log: Logger
  /** Since 1970. */
  wallMs(): number
  /** Monotonic. */
  nowMs(): number
}

/** What kad-dht has and its types don't tell. */
interface KadInternals {
  readonly network: KadNetwork
  readonly routingTable: {
    readonly size: number
  } & Pick<TypedEventTarget<TableEvents>, 'addEventListener'>
  readonly routingTableRefresh: { refreshInterval: number }
  readonly [peerRoutingSymbol]: PeerRouting
  readonly [peerDiscoverySymbol]: PeerDiscovery
  onPeerConnect(peer: PeerInfo): Promise<void>
}

interface TableEvents {
  'peer:add': CustomEvent<PeerId>
  'peer:remove': CustomEvent<PeerId>
}

/** A look-up as it goes on. Exported for what measures it. */
export type LookupListener = (event: QueryEvent) => void

/** This node's part in a Kademlia network: @libp2p/kad-dht, attached to the live node, within bounds. */
export class Kademlia {
  readonly #options: DhtConfig
  readonly #deps: KademliaDependencies
  readonly #records: RecordStore
  readonly #slots: Slots
  /** Nodes of the routing table, by id. */
  readonly #neighbours = new Map<string, PeerId>()
  /** Of the network that this node takes part in, or begins with. */
  #protocol: string
  #dht: (KadDHT & KadInternals) | undefined
  #peerStore: KadDHTComponents['peerStore'] | undefined

  constructor(options: DhtConfig, deps: KademliaDependencies) {
    const { network, store, wallMs } = deps
    this.#options = options
    this.#deps = deps
    this.#protocol = this.#protocolNow()
    this.#slots = new Slots(options.maxLookups)
    this.#records = new RecordStore(
      { maxRecords: options.maxRecords, self: network.self },
      {
        store,
        provides: hash => deps.provides(hash),
        isKnown: async peer => (await this.#peerStore?.has(peer)) ?? false,
        wallMs,
      },
    )
  }

  get protocol(): string {
    return this.#protocol
  }

  /** Nodes in the routing table. */
  get peers(): number {
    return this.#dht?.routingTable.size ?? 0
  }

  get records(): number {
    return this.#records.size
  }

  get mode(): 'client' | 'server' {
    return this.#dht?.getMode() ?? 'client'
  }

  get bucketSize(): number {
    return this.#options.bucketSize
  }

  get self(): PeerId {
    return this.#deps.network.self
  }

  /** Where others can reach this node, as far as this network goes: what is announced. */
  get addresses(): Multiaddr[] {
    const { network } = this.#deps
    const own = network.addresses()
    return dialable(this.#options.network === 'amino' ? own.filter(isUsable) : own)
  }

  /** Resolves with whether the network is another one than before, also than that of an earlier run. */
  async start(): Promise<boolean> {
    const { network, onPeer } = this.#deps
    const kad = await import('@libp2p/kad-dht')
    this.#protocol = this.#protocolNow()
    const isOther = await this.#records.open(this.#protocol)
    const init = this.#init(kad)
    await network.attach(
      SERVICE,
      (components: KadDHTComponents) => {
        this.#peerStore = components.peerStore
        const dht = kad.kadDHT(init)(partsFor(components, this.#records)) as KadDHT & KadInternals
        dht.routingTableRefresh.refreshInterval = NEVER_MS
        boundAnswers(dht.network, this.#options)
        this.#watch(dht)
        this.#dht = dht
        return serviceOf(dht, this.#deps)
      },
      { onPeer: (peer, addresses) => onPeer(peer, addresses) },
    )
    await this.#greetConnected()
    return isOther
  }

  async stop(): Promise<void> {
    const { network } = this.#deps
    // It would go on answering else: its own end leaves the handler where it is.
    await this.#dht?.setMode('client')
    this.#dht = undefined
    await network.detach(SERVICE)
    for (const peer of this.#neighbours.values()) network.value(peer, WORTH_REASON, 0)
    this.#neighbours.clear()
  }

  /** The fleet may be another one, and its network with it. Resolves with whether it is. */
  async follow(): Promise<boolean> {
    if (this.#protocolNow() === this.#protocol) return false
    await this.stop()
    return await this.start()
  }

  /** Own addresses came or went. */
  async reconsiderMode(): Promise<void> {
    const mode = modeFor(this.#options, this.#deps.network.addresses())
    await this.#dht?.setMode(mode)
  }

  async *findProviders(
    cid: CID,
    signal: AbortSignal,
    onEvent?: LookupListener,
  ): AsyncGenerator<FoundPeer, void, void> {
    const dht = this.#running()
    const release = await this.#slots.take(signal)
    try {
      for await (const event of bounded(dht.findProviders(cid, { signal }), signal)) {
        onEvent?.(event)
        if (event.name === 'PROVIDER') yield* event.providers.map(found)
      }
    } finally {
      release()
    }
  }

  /** Where the network says the peer is; empty where nobody knows. */
  async findPeer(peer: PeerId, signal: AbortSignal): Promise<Multiaddr[]> {
    const dht = this.#running()
    const release = await this.#slots.take(signal)
    try {
      for await (const event of bounded(dht.findPeer(peer, { signal, useCache: false }), signal)) {
        if (event.name === 'FINAL_PEER') return dialable(event.peer.multiaddrs)
      }
    } catch (error) {
      signal.throwIfAborted()
      this.#deps.log.debug({ peer: peer.toString(), reason: messageOf(error) }, 'the DHT knows no such peer')
    } finally {
      release()
    }
    return []
  }

  /** The nodes nearest to `key` that answered, the nearest first; at most as many as keep a record. */
  async closest(key: Uint8Array, signal: AbortSignal): Promise<PeerId[]> {
    const dht = this.#running()
    const release = await this.#slots.take(signal)
    try {
      const peers: PeerId[] = []
      for await (const event of bounded(dht.getClosestPeers(key, { signal }), signal)) {
        if (event.name === 'FINAL_PEER') peers.push(event.peer.id)
      }
      return peers
    } finally {
      release()
    }
  }

  /** Tells a node that this one provides `hashes`, all on one stream. @throws SkepError of the network */
  async announce(peer: PeerId, hashes: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const provider = { peer: this.self, addresses: this.addresses }
    const channel = await this.#deps.network.open(peer, kadProtocol(this.protocol), { signal })
    try {
      for (const hash of hashes) {
        await channel.write(encodeAddProvider(hash, provider), undefined, { signal })
      }
      await channel.close({ signal })
    } catch (error) {
      channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    }
  }

  #protocolNow(): string {
    const { network, name } = this.#options
    if (network === 'amino') return AMINO_PROTOCOL
    const label = this.#deps.fleetLabel()
    return `/${name ?? (label === undefined ? 'skep' : `skep-${label}`)}/kad/1.0.0`
  }

  #running(): KadDHT {
    if (!this.#dht || this.peers === 0) {
      throw routingError('DHT_ALONE', `no peer takes part in ${this.protocol}`)
    }
    return this.#dht
  }

  #init({
    passthroughMapper,
    removePrivateAddressesMapper,
  }: Pick<
    typeof import('@libp2p/kad-dht'),
    'passthroughMapper' | 'removePrivateAddressesMapper'
  >): KadDHTInit {
    const { network, bucketSize, concurrency } = this.#options
    return {
      protocol: this.protocol,
      kBucketSize: bucketSize,
      alpha: concurrency,
      disjointPaths: DISJOINT_PATHS[network],
      clientMode: modeFor(this.#options, this.#deps.network.addresses()) === 'client',
      peerInfoMapper: network === 'amino' ? removePrivateAddressesMapper : passthroughMapper,
      querySelfInterval: NEVER_MS,
      routingTableUpdateMaxQueueSize: MAX_TABLE_UPDATES,
    }
  }

  #watch({ routingTable }: KadInternals): void {
    const { network, onTable } = this.#deps
    const tell = (peer: PeerId, worth: number): void => {
      network.value(peer, WORTH_REASON, worth)
      onTable()
    }
    routingTable.addEventListener('peer:add', ({ detail }) => {
      this.#neighbours.set(detail.toString(), detail)
      tell(detail, NEIGHBOUR_WORTH)
    })
    routingTable.addEventListener('peer:remove', ({ detail }) => {
      this.#neighbours.delete(detail.toString())
      tell(detail, 0)
    })
  }

  /**
   * Asks connected peers that are not in the table whether they take part by now: what they said they speak is of when they
   * connected.
   */
  async greet(isWanted: (peer: PeerId) => boolean, signal: AbortSignal): Promise<void> {
    const { network } = this.#deps
    for (const peer of network.connectedPeers()) {
      if (this.#neighbours.has(peer.toString()) || !isWanted(peer)) continue
      if (!(await this.#takesPart(peer, signal))) continue
      const multiaddrs = network.connections(peer).map(({ remoteAddr }) => remoteAddr)
      await this.#dht?.onPeerConnect({ id: peer, multiaddrs })
    }
  }

  async #takesPart(peer: PeerId, signal: AbortSignal): Promise<boolean> {
    try {
      const channel = await this.#deps.network.open(peer, kadProtocol(this.protocol), { signal })
      await channel.close({ signal })
      return true
    } catch (error) {
      signal.throwIfAborted()
      this.#deps.log.debug({ peer: peer.toString(), reason: messageOf(error) }, 'a peer is not of this DHT')
      return false
    }
  }

  /** kad-dht hears of peers that connect from now on; these are here already. */
  async #greetConnected(): Promise<void> {
    const { network } = this.#deps
    for (const peer of network.connectedPeers()) {
      const protocols = await network.protocolsOf(peer)
      const multiaddrs = network.connections(peer).map(({ remoteAddr }) => remoteAddr)
      if (protocols?.includes(this.protocol)) await this.#dht?.onPeerConnect({ id: peer, multiaddrs })
    }
  }
}

/** kad-dht as the network attaches it: its discovery is filtered. */
function serviceOf(dht: KadInternals, clock: { readonly nowMs: () => number }): object {
  return {
    start: () => start(dht),
    stop: () => stop(dht),
    [peerRoutingSymbol]: dht[peerRoutingSymbol],
    [peerDiscoverySymbol]: new Sightings(dht[peerDiscoverySymbol], clock),
  }
}

/**
 * A look-up that ends with its signal, whatever kad-dht waits for at the time: answers, room in a queue, a first look-up of its
 * own that has no limit.
 */
async function* bounded<T>(lookup: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, void> {
  const steps = lookup[Symbol.asyncIterator]()
  try {
    for (;;) {
      const step = await untilAborted(steps.next(), signal)
      if (step.done) return
      yield step.value
    }
  } finally {
    // It ends when the step does that is under way, if ever.
    steps.return?.()?.catch(() => undefined)
  }
}

function isUsable(address: Multiaddr): boolean {
  return isReachable(address, 'amino')
}

function found({ id, multiaddrs }: PeerInfo): FoundPeer {
  return { peer: id, addresses: multiaddrs }
}
