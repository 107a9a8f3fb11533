import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { withLibp2pLight } from '@helia/libp2p'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import t, { type Test } from 'tap'
import { cidOf } from '../../core/content/hashes.ts'
import { dhtServices, joined, startDelegatedServer, startDhtNode } from '../helpers/dht-nodes.ts'
import { eventually } from '../helpers/eventually.ts'
import { startStockNode } from '../unit/network/nodes.ts'
import { announced, FLEET, type RoutedNode, startRouting } from '../unit/routing/fixture.ts'

const RAW = 0x55

function someCid(seed: string): CID {
  return cidOf(RAW, new TextEncoder().encode(seed))
}

async function isKnown(node: RoutedNode): Promise<void> {
  await eventually('a peer in our table', () => (node.status().dht.peers > 0 ? true : undefined))
}

t.test('a stock js-libp2p finds what we provide, and we what it does', async t => {
  const ours = await startRouting(t, { config: FLEET })
  const theirs = await startDhtNode(t)
  await ours.port.dial(theirs.getMultiaddrs())
  await isKnown(ours)
  await joined(theirs.services.dht)

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
    services: dhtServices(),
  }).start()
  t.teardown(() => helia.stop())
  await ours.port.dial(helia.libp2p.getMultiaddrs())
  await isKnown(ours)
  await joined(helia.libp2p.services.dht)

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

/** A server in front of a stock node that takes part in the DHT of `holder`. */
async function startServer(t: Test): Promise<{ url: string; holder: RoutedNode }> {
  const holder = await startRouting(t, { config: FLEET })
  const theirs = await startDhtNode(t)
  const url = await startDelegatedServer(t, theirs)
  await holder.port.dial(theirs.getMultiaddrs())
  await isKnown(holder)
  await joined(theirs.services.dht)
  return { url, holder }
}

async function idsOf(providers: AsyncIterable<{ id: { toString(): string } }>): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of providers) ids.push(id.toString())
  return ids
}
