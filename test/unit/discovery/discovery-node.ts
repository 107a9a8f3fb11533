import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { MemoryDatastore } from 'datastore-core'
import { assemble } from '../../../core/config/assemble.ts'
import { createEvents, type Events } from '../../../core/events.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics, type Metrics } from '../../../core/metrics.ts'
import { createNetwork } from '../../../core/network/network.ts'
import type { NetworkPort } from '../../../core/network/network-port.ts'
import type { Fleet } from '../../../core/services/fleet.ts'
import { PeerShelf } from '../../../core/state/peer-shelf.ts'
import type { PeerTable } from '../../../core/state/peer-state.ts'
import { createPeers } from '../../../core/state/peer-table.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { type DiscoveryConfig, schema } from '../../../plugins/discovery/config.ts'
import { createDiscoveryMetrics } from '../../../plugins/discovery/metrics.ts'
import { PeerFinder } from '../../../plugins/discovery/peer-finder.ts'
import { eventually } from '../../helpers/eventually.ts'
import { networkOptions } from '../../helpers/network-options.ts'

type Changes = { readonly [K in keyof DiscoveryConfig]?: Partial<DiscoveryConfig[K]> }

export interface DiscoveryNodeOptions {
  readonly config?: Changes
  readonly privateKey?: PrivateKey
  readonly storage?: Storage
  /** Default: any free port of 127.0.0.1. */
  readonly listen?: readonly string[]
  /** Default: as in core. */
  readonly probeAfterMs?: number
  /** Default: none. */
  readonly fleet?: Fleet
  /** Wall clock. */
  readonly clock?: () => number
}

/** Real libp2p on a free port of 127.0.0.1, with a peer finder and its loops. mDNS is off unless the config says so. */
export interface DiscoveryNode {
  readonly finder: PeerFinder
  readonly port: NetworkPort
  readonly peers: PeerTable
  readonly events: Events
  readonly storage: Storage
  readonly metrics: Metrics
  /** Resolves when the event happens for the first time from now on. */
  next(event: 'peer:connected' | 'peer:disconnected'): Promise<void>
  /** Resolves once `peer` has said where it listens. */
  identified(peer: PeerId): Promise<unknown>
  /** Resolves once `count` peers are connected. */
  connected(count: number): Promise<void>
  stop(): Promise<void>
}

export async function createDiscoveryNode(options: DiscoveryNodeOptions = {}): Promise<DiscoveryNode> {
  const storage = options.storage ?? createMemoryStorage({ maxBytes: 1 << 20 })
  const metrics = createMetrics()
  const events = createEvents(error => {
    throw error
  })
  const shelf = await PeerShelf.open({ store: storage.index, log: silentLogger })
  const peers = createPeers({ maxPeers: 100 }, { events, keeper: shelf })
  const network = await createNetwork(
    {
      ...networkOptions,
      dialTimeoutMs: 5000,
      ...(options.listen && { listen: options.listen }),
      ...(options.probeAfterMs && { probeAfterMs: options.probeAfterMs }),
    },
    {
      privateKey: options.privateKey ?? (await generateKeyPair('Ed25519')),
      datastore: new MemoryDatastore(),
      store: storage.index,
      peers,
      events,
      log: silentLogger,
      metrics: metrics.factory('network'),
    },
  )
  await network.start()
  network.openGate()
  const { port, release } = network.port('discovery')
  const config = configOf(options.config)
  const finder = new PeerFinder(config, {
    network: port,
    peers,
    events,
    metrics: createDiscoveryMetrics(metrics.factory('discovery')),
    log: silentLogger,
    nowMs: () => performance.now(),
    clock: options.clock ?? Date.now,
    random: Math.random,
    ...(options.fleet && { fleet: options.fleet }),
  })
  await finder.open()
  const stopping = new AbortController()
  const loops = [
    finder.dial(stopping.signal),
    ...(config.exchange.enabled ? [finder.introduce(stopping.signal)] : []),
    ...(config.mdns.enabled ? [finder.findNeighbours(stopping.signal)] : []),
  ]
  const ended = Promise.allSettled(loops)
  const next = (event: 'peer:connected' | 'peer:disconnected'): Promise<void> =>
    new Promise(resolve => {
      const unsubscribe = events.on(event, () => {
        unsubscribe()
        resolve()
      })
    })
  return {
    finder,
    port,
    peers,
    events,
    storage,
    metrics,
    next,
    identified: peer => eventually('identify', () => peers.get(peer)?.protocols[0]),
    async connected(count) {
      while (port.connectedPeers().length < count) await next('peer:connected')
    },
    async stop() {
      stopping.abort()
      finder.close()
      await ended
      await release()
      await network.stop()
      await shelf.close()
    },
  }
}

function configOf({ mdns, exchange, dial, ...rest }: Changes = {}): DiscoveryConfig {
  const defaults = assemble(schema as never, new Map()) as DiscoveryConfig
  return {
    ...defaults,
    ...(rest as Partial<DiscoveryConfig>),
    mdns: { ...defaults.mdns, enabled: false, ...mdns },
    exchange: { ...defaults.exchange, ...exchange },
    dial: { ...defaults.dial, jitterMs: 0, minBackoffMs: 10, perSecond: 1000, ...dial },
  }
}
