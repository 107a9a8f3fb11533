import t, { type Test } from 'tap'
import type { Fleet } from '../../../core/api.ts'
import { kadProtocol } from '../../../plugins/routing/dht/add-provider.ts'
import { eventually } from '../../helpers/eventually.ts'
import { announced, FLEET, type RoutedNode, startRouting } from './fixture.ts'

/** A node that is in the fleet with a label, or in none, as the test says at the time. */
async function start(t: Test): Promise<RoutedNode & { enter(label: string | undefined): void }> {
  let label: string | undefined
  const fleet: Fleet = {
    get label() {
      return label
    },
    isClosed: false,
    isMember: () => undefined,
    isOperator: () => false,
    admits: () => true,
  }
  const node = await startRouting(t, { config: FLEET, fleet })
  return {
    ...node,
    enter(next) {
      label = next
      node.events.emit('fleet:changed', {})
    },
  }
}

const hasPeers = (node: RoutedNode, count: number): Promise<true> =>
  eventually(`${count} peers in the DHT`, () => node.status().dht.peers === count || undefined)

t.test('a fleet has a DHT of its own, which a node enters and leaves while it runs', async t => {
  const [one, two, stranger] = [await start(t), await start(t), await start(t)]
  await two.port.dial(one.port.addresses())
  await stranger.port.dial(one.port.addresses())
  await two.port.dial(stranger.port.addresses())
  for (const node of [one, two, stranger]) await hasPeers(node, 2)
  const cid = await one.pin()
  await announced(one, 1)
  await eventually('the record', () => stranger.status().dht.records === 1 || undefined)
  await eventually('the record', () => two.status().dht.records === 1 || undefined)
  const worthOf = (peer: RoutedNode): number[] => Object.values(one.network.worthOf(peer.port.self))
  t.same([worthOf(two), worthOf(stranger)], [[5], [5]])

  for (const node of [one, two]) node.enter('abcdefghij')
  for (const node of [one, two]) {
    await eventually('the DHT of the fleet', () =>
      node.status().dht.protocol === '/skep-abcdefghij/kad/1.0.0' ? true : undefined,
    )
  }
  await hasPeers(one, 1)
  await hasPeers(two, 1)
  t.same([worthOf(two), worthOf(stranger)], [[5], []])
  t.equal(stranger.status().dht.protocol, '/skep/kad/1.0.0')
  const old = { ...kadProtocol('/skep/kad/1.0.0'), maxStreamsPerPeer: 8 }
  await t.rejects(stranger.port.open(one.port.self, old), { code: 'PROTOCOL_UNSUPPORTED' })
  await announced(one, 2)
  t.same([...(await two.providersOf(cid)).keys()], [one.id], 'what was announced before is announced anew')
  t.equal(two.status().dht.records, 1)

  two.enter(undefined)
  await eventually('the open DHT', () => two.status().dht.protocol === '/skep/kad/1.0.0' || undefined)
  await eventually('peers there', () => two.status().dht.peers > 0 || undefined)
  t.equal(two.status().dht.records, 0, 'what the fleet told it serves nobody else')
})

t.test('changes that come fast end where the last one leads; others change nothing', async t => {
  const node = await start(t)
  for (const label of ['aaaaaaaaaa', 'bbbbbbbbbb', undefined, 'cccccccccc']) node.enter(label)
  await eventually('the last one', () => node.status().dht.protocol.includes('-cccccccccc') || undefined)
  node.enter('cccccccccc')
  t.match(node.status().dht, { protocol: '/skep-cccccccccc/kad/1.0.0', mode: 'server' })
  // In the midst of a change.
  node.enter('dddddddddd')
  await node.stop()
})
