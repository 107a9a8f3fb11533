import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import t from 'tap'
import { MAX_REASONS, PeerWorth } from '../../../core/network/peer-worth.ts'

const peers: PeerId[] = await Promise.all(
  Array.from({ length: 40 }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))),
)
const peer = (at: number): PeerId => peers[at] as PeerId

t.test('a peer is worth what all say together', async t => {
  const worths = new PeerWorth({ maxPeers: 10 }, { connected: () => new Set() })
  worths.set(peer(0), 'discovery', 'member', 60)
  worths.set(peer(0), 'routing', 'neighbour', 5)
  worths.set(peer(0), 'routing', 'neighbour', 7)
  worths.set(peer(0), 'user', 'tag', 1000)
  t.equal(worths.of(peer(0)), 167)
  t.strictSame(worths.reasons(peer(0)), { 'discovery/member': 60, 'routing/neighbour': 7, 'user/tag': 100 })
  worths.set(peer(0), 'user', 'tag', 0)
  worths.release('discovery')
  t.equal(worths.of(peer(0)), 7)
  worths.release('routing')
  t.equal(worths.of(peer(0)), 0)
  t.equal(worths.size, 0)
})

t.test(
  'peers that are valued are bounded: those away and worth least leave, then those valued longest ago',
  async t => {
    const connected = new Set([peer(0).toString()])
    const worths = new PeerWorth({ maxPeers: 10 }, { connected: () => connected })
    worths.set(peer(0), 'a', 'b', 1)
    worths.set(peer(1), 'a', 'b', 50)
    for (let at = 2; at < 11; at++) worths.set(peer(at), 'a', 'b', 5)
    t.equal(worths.size, 11, 'ten, and the one that is connected')
    worths.set(peer(2), 'a', 'b', 5)
    worths.set(peer(11), 'a', 'b', 5)
    t.equal(worths.of(peer(0)), 1)
    t.equal(worths.of(peer(1)), 50)
    t.equal(worths.of(peer(2)), 5, 'valued anew')
    t.equal(worths.of(peer(11)), 5)
    t.equal(worths.of(peer(3)), 0)
    t.equal(worths.size, 10)
    for (let at = 12; at < 40; at++) {
      worths.set(peer(at), 'a', 'b', 5)
      t.ok(worths.size <= 11)
    }
    t.equal(worths.of(peer(1)), 50)
  },
)

t.test('the reasons for one peer are bounded, the one worth least leaves', async t => {
  const worths = new PeerWorth({ maxPeers: 10 }, { connected: () => new Set() })
  for (let at = 1; at <= 2 * MAX_REASONS; at++) worths.set(peer(0), 'a', `${at}`, at)
  const reasons = worths.reasons(peer(0))
  t.equal(Object.keys(reasons).length, MAX_REASONS)
  t.equal(reasons['a/1'], undefined)
  t.equal(reasons[`a/${2 * MAX_REASONS}`], 2 * MAX_REASONS)
})
