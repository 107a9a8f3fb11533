import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerStore } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { MAX_ADDRESSES } from '../../../core/network/address-limit.ts'
import { startNode, type TestNode } from './nodes.ts'

const addressesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, at) => multiaddr(`/ip4/192.0.2.1/tcp/${first + at}`))

const storeOf = ({ port }: TestNode): Promise<PeerStore> =>
  port.attach('looks', ({ peerStore }: { peerStore: PeerStore }) => peerStore)

t.test(
  'whatever is told of a peer, so many addresses of it are kept: the last, and those it signed',
  async t => {
    const store = await storeOf(await startNode(t))
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const kept = async (): Promise<string[]> =>
      (await store.get(peer)).addresses.map(({ multiaddr }) => `${multiaddr}`)
    await store.merge(peer, { multiaddrs: addressesFrom(1, 1000) })
    t.equal((await kept()).length, MAX_ADDRESSES)
    const signed = multiaddr('/ip4/192.0.2.2/tcp/1')
    await store.merge(peer, { addresses: [{ multiaddr: signed, isCertified: true }] })
    for (let round = 1; round < 20; round++) {
      const told = addressesFrom(round * 1000, 10)
      await store.merge(peer, { multiaddrs: told })
      const now = await kept()
      t.equal(now.length, MAX_ADDRESSES)
      t.ok(now.includes(`${signed}`))
      t.ok(told.every(address => now.includes(`${address}`)))
    }
    await store.patch(peer, { multiaddrs: addressesFrom(1, 1000) })
    t.equal((await kept()).length, MAX_ADDRESSES)
    await store.save(peer, { multiaddrs: [multiaddr(`/dns4/${'x'.repeat(2000)}/tcp/1`), signed] })
    t.same(await kept(), [`${signed}`], 'one that is too long is none')
  },
)

t.test('of itself a node keeps all', async t => {
  const node = await startNode(t)
  const store = await storeOf(node)
  await store.patch(node.port.self, { multiaddrs: addressesFrom(1, 100) })
  t.equal((await store.get(node.port.self)).addresses.length, 100)
})
