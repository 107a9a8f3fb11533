import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { createDelegatedRoutingV1HttpApiServer } from '@helia/delegated-routing-v1-http-api-server'
import { withLibp2pLight } from '@helia/libp2p'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import t, { type Test } from 'tap'
import { cidOf } from '../../core/content/hashes.ts'
import { eventually } from '../helpers/eventually.ts'
import { startStockNode } from '../unit/network/nodes.ts'
import { announced, FLEET, type RoutedNode, startRouting } from '../unit/routing/fixture.ts'

const RAW = 0x55
const PROTOCOL = '/skep/kad/1.0.0'

/** As their documentation says for a network of one's own. */
const services = () => ({
  identify: identify(),
  ping: ping(),
  dht: kadDHT({ protocol: PROTOCOL, clientMode: false, peerInfoMapper: passthroughMapper }),
})

function someCid(seed: string): CID {
  return cidOf(RAW, new TextEncoder().encode(seed))
}

async function knows(dht: KadDHT): Promise<void> {
  const { routingTable } = dht as KadDHT & { routingTable: { size: number } }
  await eventually('a peer in the table of the other', () => (routingTable.size > 0 ? true : undefined))
}

async function isKnown(node: RoutedNode): Promise<void> {
  await eventually('a peer in our table', () => (node.status().dht.peers > 0 ? true : undefined))
}

t.test('a stock js-libp2p finds what we provide, and we what it does', async t => {
  const ours = await startRouting(t, { config: FLEET })
  const theirs = await startStock(t)
  await ours.port.dial(theirs.getMultiaddrs())
  await isKnown(ours)
  await knows(theirs.services.dht)

  const cid = await ours.pin()
  await announced(ours, 1)
  t.same(await idsOf(theirs.contentRouting.findProviders(cid)), [ours.id], 'they find us')

  const other = someCid('theirs')
  await theirs.contentRouting.provide(other)
  t.same([...(await ours.providersOf(other))], [[theirs.peerId.toString(), 'dht']], 'we find them')

  const found = await ours.routing.router.findPeer(theirs.peerId)
  t.ok(
    found.some(address => theirs.getMultiaddrs().some(own => own.toString().startsWith(`${address}`))),
    'and where they are',
  )
})

t.test('so does a Helia node', async t => {
  const ours = await startRouting(t, { config: FLEET })
  const helia = await withLibp2pLight(createHeliaLight(), {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [yamux()],
    services: services(),
  }).start()
  t.teardown(() => helia.stop())
  await ours.port.dial(helia.libp2p.getMultiaddrs())
  await isKnown(ours)
  await knows(helia.libp2p.services.dht)

  const cid = await ours.pin()
  await announced(ours, 1)
  const found: string[] = []
  for await (const { id } of helia.routing.findProviders(cid)) found.push(id.toString())
  t.ok(found.length > 0, 'they find us')

  const other = someCid("helia's")
  await helia.routing.provide(other)
  t.same([...(await ours.providersOf(other))], [[helia.libp2p.peerId.toString(), 'dht']], 'we find them')
})

t.test('a delegated routing server answers where nobody else does', async t => {
  const { url, holder } = await startServer(t)
  const ours = await startRouting(t, { config: { delegated: [url] } })
  const cid = await holder.pin()
  await announced(holder, 1)
  t.same([...(await ours.providersOf(cid))], [[holder.id, 'delegated']])
  t.same([...(await ours.providersOf(someCid('nobody has this')))], [])
  const addresses = await ours.routing.router.findPeer(holder.port.self)
  t.ok(addresses.length > 0, 'and knows where peers are')
  await ours.port.dial(addresses.map(address => address.encapsulate(`/p2p/${holder.id}`)))
})

t.test('a delegated routing server that fails is nobody who knows', async t => {
  const ours = await startRouting(t, { config: { delegated: ['http://127.0.0.1:9'] } })
  t.same([...(await ours.providersOf(someCid('x')))], [])
  t.same(await ours.routing.router.findPeer((await startStockNode(t)).peerId), [])
})

/** A server in front of a stock js-libp2p that takes part in the DHT of `holder`. */
async function startServer(t: Test): Promise<{ url: string; holder: RoutedNode }> {
  const holder = await startRouting(t, { config: FLEET })
  const libp2p = await startStock(t)
  await holder.port.dial(libp2p.getMultiaddrs())
  await isKnown(holder)
  await knows(libp2p.services.dht)
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
  return { url: `http://127.0.0.1:${address.port}`, holder }
}

async function startStock(t: Test): Promise<Libp2p<{ dht: KadDHT }>> {
  const node = await startStockNode(t, { services: services() } as never)
  return node as unknown as Libp2p<{ dht: KadDHT }>
}

async function idsOf(providers: AsyncIterable<{ id: { toString(): string } }>): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of providers) ids.push(id.toString())
  return ids
}
