import { randomBytes } from 'node:crypto'
import type { PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { placeOf, sharedBits } from '../../../plugins/routing/dht/key-space.ts'
import { modeFor } from '../../../plugins/routing/dht/mode.ts'
import { keyAtDepth, unknownDepths } from '../../../plugins/routing/dht/refresh.ts'
import { createPeerIds } from '../discovery/fixture.ts'

const random = (bytes: Uint8Array): Uint8Array => new Uint8Array(randomBytes(bytes.length))

t.test('a key at each depth', async t => {
  const place = placeOf(Buffer.from('me'))
  for (const depth of [0, 1, 5, 9])
    t.equal(sharedBits(place, placeOf(keyAtDepth(place, depth, random))), depth)
})

t.test('what the nearest nodes say nothing about', async t => {
  const [self, ...others] = (await createPeerIds(200)) as [PeerId, ...PeerId[]]
  const own = self.toMultihash().bytes
  const depthOf = (peer: PeerId): number => sharedBits(placeOf(own), placeOf(peer.toMultihash().bytes))
  const near = others.toSorted((a, b) => depthOf(b) - depthOf(a)).slice(0, 20)
  t.equal(unknownDepths(own, near.slice(1), 20), 0, 'nothing, where these are all there are')
  const depths = unknownDepths(own, near, 20)
  t.ok(depths >= 1)
  t.ok(near.every(peer => depthOf(peer) >= depths))
  const deeper = others.filter(peer => !near.includes(peer) && depthOf(peer) > depths)
  t.same(deeper, [], 'all that are nearer are among them')
})

t.test('who serves', async t => {
  const lan = multiaddr('/ip4/192.168.1.2/tcp/4001')
  const wide = multiaddr('/ip4/1.2.3.4/tcp/4001')
  const relayed = multiaddr(
    '/ip4/1.2.3.4/tcp/4001/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN/p2p-circuit',
  )
  const auto = (network: 'fleet' | 'amino', ...addresses: (typeof lan)[]) =>
    modeFor({ mode: 'auto', network }, addresses)
  t.equal(auto('fleet'), 'client')
  t.equal(auto('fleet', lan), 'server')
  t.equal(auto('fleet', relayed), 'client')
  t.equal(auto('amino', lan, relayed), 'client')
  t.equal(auto('amino', lan, wide), 'server')
  t.equal(modeFor({ mode: 'server', network: 'amino' }, []), 'server')
  t.equal(modeFor({ mode: 'client', network: 'fleet' }, [lan]), 'client')
})
