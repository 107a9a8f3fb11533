import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { MemoryDatastore } from 'datastore-core'
import { assemble } from '../../../core/config/assemble.ts'
import { createEvents } from '../../../core/events.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics, type Metrics } from '../../../core/metrics.ts'
import { createNetwork } from '../../../core/network/network.ts'
import type { NetworkPort } from '../../../core/network/network-port.ts'
import { createPeers } from '../../../core/state/peer-table.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { type DiscoveryConfig, schema } from '../../../plugins/discovery/config.ts'
import { createDiscoveryMetrics } from '../../../plugins/discovery/metrics.ts'
import { PeerFinder } from '../../../plugins/discovery/peer-finder.ts'
import { eventually } from '../../helpers/eventually.ts'

type Changes = { readonly [K in keyof DiscoveryConfig]?: Partial<DiscoveryConfig[K]> }

export interface DiscoveryNodeOptions {
  readonly config?: Changes
  readonly privateKey?: PrivateKey
  readonly storage?: Storage
  /** Default: any free one. */
  readonly port?: number
}

/** Real libp2p on a free port of 127.0.0.1, with a peer finder and its loops. mDNS is off unless the config says so. */
export interface DiscoveryNode {
  readonly finder: PeerFinder
  readonly port: NetworkPort
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
  const peers = createPeers({ maxPeers: 100 }, { events })
  const network = await createNetwork(
    {
      listen: [`/ip4/127.0.0.1/tcp/${options.port ?? 0}`],
      announce: [],
      maxPeers: 100,
      agent: 'skep-test',
      maxConnections: 20,
      maxInboundPerSecond: 100,
      dialTimeoutMs: 5000,
    },
    {
      privateKey: options.privateKey ?? (await generateKeyPair('Ed25519')),
      datastore: new MemoryDatastore(),
      peers,
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
    store: storage.index,
    metrics: createDiscoveryMetrics(metrics.factory('discovery')),
    log: silentLogger,
    nowMs: () => performance.now(),
    random: Math.random,
  })
  finder.open()
  const stopping = new AbortController()
  const loops = [
    finder.dial(stopping.signal),
    finder.keepSaved(stopping.signal),
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
    storage,
    metrics,
    next,
    identified: peer => eventually('identify', () => peers.get(peer)?.protocols[0]),
    async connected(count) {
      while (port.connectedPeers().length < count) await next('peer:connected')
    },
    async stop() {
      stopping.abort()
      await finder.close()
      await ended
      await release()
      await network.stop()
    },
  }
}

function configOf({ mdns, remember, dial, ...rest }: Changes = {}): DiscoveryConfig {
  const defaults = assemble(schema as never, new Map()) as DiscoveryConfig
  return {
    ...defaults,
    ...(rest as Partial<DiscoveryConfig>),
    mdns: { ...defaults.mdns, enabled: false, ...mdns },
    remember: { ...defaults.remember, ...remember },
    dial: { ...defaults.dial, jitterMs: 0, minBackoffMs: 10, perSecond: 1000, ...dial },
  }
}
