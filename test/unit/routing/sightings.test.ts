import type { PeerDiscoveryEvents, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import t from 'tap'
import { Sightings } from '../../../plugins/routing/dht/sightings.ts'
import { dialable, parseAddress } from '../../../plugins/routing/search/addresses.ts'
import { createPeerIds } from '../discovery/fixture.ts'

t.test('a peer is told of when it is new, moved, or was told of some time ago', async t => {
  const [peer, other] = (await createPeerIds(2)) as [PeerId, PeerId]
  const source = new TypedEventEmitter<PeerDiscoveryEvents>()
  let nowMs = 0
  const sightings = new Sightings(source, { nowMs: () => nowMs })
  const told: string[] = []
  sightings.addEventListener('peer', ({ detail }) => told.push(`${detail.id} ${detail.multiaddrs}`))
  const see = (id: PeerId, ...ports: number[]): number => {
    const multiaddrs = ports.map(port => multiaddr(`/ip4/10.0.0.1/tcp/${port}`))
    source.dispatchEvent(new CustomEvent('peer', { detail: { id, multiaddrs } }))
    return told.length
  }
  t.equal(see(peer, 1, 2), 1)
  t.equal(see(peer, 2, 1), 1, 'the order means nothing')
  t.equal(see(other, 1), 2)
  t.equal(see(peer, 3), 3)
  nowMs = 599_999
  t.equal(see(peer, 3), 3)
  nowMs = 600_000
  t.equal(see(peer, 3), 4)
})

t.test('addresses worth a try', async t => {
  const id = '12D3KooWRFL2GTENvptZDaM4hamHKBhwqrhdfVxj6ZbtNQiMi5mQ'
  const relayed = `/ip4/10.0.0.1/tcp/1/p2p/${id}/p2p-circuit`
  const given = [`/ip4/10.0.0.1/tcp/1/p2p/${id}`, '/ip4/10.0.0.1/tcp/1', relayed, `${relayed}/p2p/${id}`]
  t.same(dialable(given.map(text => multiaddr(text))).map(String), ['/ip4/10.0.0.1/tcp/1', relayed])
  const many = Array.from({ length: 100 }, (_, port) => multiaddr(`/ip4/10.0.0.1/tcp/${port + 1}`))
  t.equal(dialable(many).length, 16)
  t.equal(parseAddress('/nonsense'), undefined)
  t.equal(parseAddress('/ip4/10.0.0.1/tcp/1')?.toString(), '/ip4/10.0.0.1/tcp/1')
})
