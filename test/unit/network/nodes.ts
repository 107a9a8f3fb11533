import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p, PrivateKey, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { MemoryDatastore } from 'datastore-core'
import type { Datastore } from 'interface-datastore'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { createEvents, type Events, type NodeEvents } from '../../../core/events.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics, type Metrics } from '../../../core/metrics.ts'
import {
  createNetwork,
  type NetworkDependencies,
  type NetworkOptions,
  type NodeNetwork,
} from '../../../core/network/network.ts'
import type { NetworkPort } from '../../../core/network/network-port.ts'
import type { Protocol } from '../../../core/network/protocols.ts'
import type { Surroundings } from '../../../core/network/surroundings.ts'
import type { SwarmKey } from '../../../core/network/swarm-key.ts'
import type { PeerTable } from '../../../core/state/peer-state.ts'
import { createPeers } from '../../../core/state/peer-table.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import type { KeyValueStore } from '../../../core/storage/storage.ts'
import { networkOptions } from '../../helpers/network-options.ts'

export interface TestNode {
  readonly network: NodeNetwork
  readonly port: NetworkPort
  readonly peers: PeerTable
  readonly events: Events
  readonly metrics: Metrics
}

interface Test {
  teardown(end: () => unknown): void
}

/** What a node may be given instead of parts of its own. */
interface Parts {
  readonly privateKey: PrivateKey
  readonly datastore: Datastore
  readonly store: KeyValueStore
  readonly surroundings: Partial<Surroundings>
  readonly swarmKey: SwarmKey
  readonly trusts: NetworkDependencies['trusts']
}

/** A running node on 127.0.0.1, its gate open unless told otherwise, stopped when the test ends. */
export async function startNode(
  t: Test,
  { gate = 'open', ...options }: Partial<NetworkOptions> & Partial<Parts> & { gate?: 'open' | 'closed' } = {},
): Promise<TestNode> {
  const node = await createNode(t, options)
  await node.network.start()
  if (gate === 'open') node.network.openGate()
  return node
}

export async function createNode(
  t: Test,
  {
    privateKey,
    datastore,
    store,
    surroundings,
    swarmKey,
    trusts,
    ...options
  }: Partial<NetworkOptions> & Partial<Parts> = {},
): Promise<TestNode> {
  const events = createEvents(error => {
    throw error
  })
  const peers = createPeers(
    { maxPeers: 100 },
    { events, ...(surroundings?.nowMs && { nowMs: surroundings.nowMs }) },
  )
  const metrics = createMetrics()
  const network = await createNetwork(
    {
      ...networkOptions,
      ...options,
    },
    {
      privateKey: privateKey ?? (await generateKeyPair('Ed25519')),
      datastore: datastore ?? new MemoryDatastore(),
      store: store ?? new MemoryStore('index'),
      peers,
      events,
      log: silentLogger,
      metrics: metrics.factory('network'),
      ...(surroundings && { surroundings }),
      ...(swarmKey && { swarmKey }),
      ...(trusts && { trusts }),
    },
  )
  t.teardown(() => network.stop())
  return { network, port: network.port('test').port, peers, events, metrics }
}

/** Another maker's node: js-libp2p with its own TLS, Noise and yamux unless told otherwise. */
export async function startStockNode(t: Test, options: Libp2pOptions = {}): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
    ...options,
  })
  t.teardown(() => node.stop())
  return node
}

/** A protocol with room for all that a test does, unless it says otherwise. */
export function protocolOf(limits: Partial<Protocol> = {}): Protocol {
  return {
    id: '/skep/test/1.0.0',
    maxMessageBytes: 64 * 1024,
    idleTimeoutMs: 60_000,
    maxStreamsPerPeer: 16,
    streamsPerSecond: 100,
    trust: 'anyone',
    ...limits,
  }
}

/** Resolves with the next event of that name. */
export function nextEvent<K extends keyof NodeEvents>(events: Events, name: K): Promise<NodeEvents[K]> {
  return new Promise(resolve => {
    const off = events.on(name, payload => {
      off()
      resolve(payload)
    })
  })
}

/** Resolves when a stream is gone, with what ended it. */
export function gone(stream: Pick<Stream, 'addEventListener'>): Promise<Error | undefined> {
  return new Promise(resolve => {
    stream.addEventListener('close', event => resolve(event.error), { once: true })
  })
}

export const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString()

/** The TCP port a node listens on. */
export function portOf({ port }: TestNode): number {
  return Number(/tcp\/(\d+)/.exec(String(port.addresses()[0]))?.[1])
}
