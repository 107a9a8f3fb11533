import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Peer, PeerId, PeerStore } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { leastUsefulFirst } from '../../../core/network/peer-store-limit.ts'
import { createDatastore } from '../../../core/storage/datastore.ts'
import { eventually } from '../../helpers/eventually.ts'
import { openAt } from '../storage/stores.ts'
import { startNode, type TestNode } from './nodes.ts'

const MAX_PEERS = 50
const address = multiaddr('/ip4/192.0.2.1/tcp/4001')

async function somebody(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

function peerStoreOf({ port }: TestNode): Promise<{ peerStore: PeerStore }> {
  return port.attach('parts', ({ peerStore }: { peerStore: PeerStore }) => ({ peerStore }))
}

t.test('the peer store on disk is bounded, over restarts and while peers join', async t => {
  const { index } = await openAt(t, t.testdir())
  const datastore = createDatastore(index, 'datastore')
  const privateKey = await generateKeyPair('Ed25519')
  const onDisk = async (): Promise<number> => {
    let keys = 0
    for await (const _key of datastore.queryKeys({ prefix: '/peers' })) keys++
    return keys - 1 // Itself.
  }

  const roomy = await startNode(t, { privateKey, datastore, maxPeers: 1000 })
  const { peerStore: first } = await peerStoreOf(roomy)
  for (let count = 0; count < 120; count++) await first.merge(await somebody(), { multiaddrs: [address] })
  t.equal(await onDisk(), 120)
  await roomy.network.stop()

  const node = await startNode(t, { privateKey, datastore, maxPeers: MAX_PEERS })
  t.equal(await onDisk(), 45, 'what an earlier run left is trimmed at the start')
  const { peerStore } = await peerStoreOf(node)
  const [friend, tagged] = [await startNode(t), await somebody()]
  await node.port.dial(friend.port.addresses())
  await peerStore.merge(tagged, { tags: { 'keep-alive': { value: 1 } } })
  for (let count = 0; count < 200; count++) {
    await peerStore.merge(await somebody(), { multiaddrs: [address] })
    // The trim runs beside what else is added.
    if (count % 20 === 19)
      await eventually('a trim', async () => ((await onDisk()) <= MAX_PEERS ? true : undefined))
  }
  t.ok((await onDisk()) > MAX_PEERS / 2, 'and no more is taken than has to be')
  t.ok(await peerStore.has(friend.port.self), 'who is connected stays')
  t.ok(await peerStore.has(tagged), 'who is tagged, too')
  await node.network.stop()
})

t.test('least useful first', async t => {
  const peer = async (of: Partial<Peer> & { updated?: number }): Promise<Peer> => ({
    id: await somebody(),
    addresses: [{ multiaddr: address, isCertified: false }],
    protocols: [],
    metadata: new Map(),
    tags: new Map(),
    ...of,
  })
  const inOrder = [
    await peer({ addresses: [], protocols: ['/a'], updated: 9 }),
    await peer({ updated: 1 }),
    await peer({ updated: 2 }),
    await peer({ protocols: ['/a'], updated: 1 }),
    await peer({ protocols: ['/a'], updated: 2 }),
    await peer({ addresses: [], tags: new Map([['kept', { value: 1 }]]), updated: 0 }),
  ]
  t.same([...inOrder].reverse().sort(leastUsefulFirst), inOrder)
})
