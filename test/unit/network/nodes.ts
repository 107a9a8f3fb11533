import { generateKeyPair } from '@libp2p/crypto/keys'
import { MemoryDatastore } from 'datastore-core'
import { createEvents } from '../../../core/events.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics } from '../../../core/metrics.ts'
import { createNetwork, type NetworkOptions, type NodeNetwork } from '../../../core/network/network.ts'
import type { NetworkPort } from '../../../core/network/network-port.ts'
import { createPeers, type PeerTable } from '../../../core/state/peer-state.ts'

export interface TestNode {
  readonly network: NodeNetwork
  readonly port: NetworkPort
  readonly peers: PeerTable
  readonly events: ReturnType<typeof createEvents>
  readonly metrics: ReturnType<typeof createMetrics>
}

/** A running node on 127.0.0.1 with an open gate, stopped when the test ends. */
export async function startNode(
  t: { teardown(end: () => unknown): void },
  options: Partial<NetworkOptions> & { gate?: 'closed' } = {},
): Promise<TestNode> {
  const events = createEvents(error => {
    throw error
  })
  const peers = createPeers({ maxPeers: 100 }, { events })
  const metrics = createMetrics()
  const network = await createNetwork(
    {
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      maxConnections: 50,
      maxInboundPerSecond: 50,
      dialTimeoutMs: 10_000,
      agent: 'skep/test',
      ...options,
    },
    {
      privateKey: await generateKeyPair('Ed25519'),
      datastore: new MemoryDatastore(),
      peers,
      log: silentLogger,
      metrics: metrics.factory('network'),
    },
  )
  t.teardown(() => network.stop())
  await network.start()
  if (options.gate !== 'closed') network.openGate()
  return { network, port: network.port('test').port, peers, events, metrics }
}
