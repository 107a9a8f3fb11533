import { createDelegatedRoutingV1HttpApiServer } from '@helia/delegated-routing-v1-http-api-server'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { startStockNode } from '../unit/network/nodes.ts'
import { eventually } from './eventually.ts'

interface Test {
  teardown(end: () => unknown): void
}

/** What a stock node has of our DHT, set up as its documentation says for a network of one's own. */
export const dhtServices = () => ({
  identify: identify(),
  ping: ping(),
  dht: kadDHT({ protocol: '/skep/kad/1.0.0', clientMode: false, peerInfoMapper: passthroughMapper }),
})

/** A stock js-libp2p that takes part in our DHT. */
export async function startDhtNode(t: Test): Promise<Libp2p<{ dht: KadDHT }>> {
  const node = await startStockNode(t, { services: dhtServices() } as never)
  return node as unknown as Libp2p<{ dht: KadDHT }>
}

/** Resolves when the node knows somebody else. */
export async function joined(dht: KadDHT): Promise<void> {
  const { routingTable } = dht as KadDHT & { routingTable: { size: number } }
  await eventually('a peer in the table of the other', () => (routingTable.size > 0 ? true : undefined))
}

/** The URL of a delegated routing server that answers for `libp2p`. */
export async function startDelegatedServer(t: Test, libp2p: Libp2p): Promise<string> {
  // It wants a Helia whose peers are peer ids, as they were before Helia 7.
  const { contentRouting, peerRouting } = libp2p
  const routing = {
    findProviders: contentRouting.findProviders.bind(contentRouting),
    findPeer: peerRouting.findPeer.bind(peerRouting),
  }
  const server = await createDelegatedRoutingV1HttpApiServer({ routing } as never, {
    listen: { host: '127.0.0.1', port: 0 },
  })
  t.teardown(() => server.close())
  const address = server.server.address()
  if (!address || typeof address === 'string') throw new Error('the server listens nowhere')
  return `http://127.0.0.1:${address.port}`
}
