import t from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { announced, FLEET, type RoutedNode, startFleet, startRouting } from './fixture.ts'

t.test('a restart neither forgets nor repeats what was announced', async t => {
  const [node, other] = (await startFleet(t, 2)) as [RoutedNode, RoutedNode]
  const cids = [await node.pin(), await node.pin()]
  await announced(node, 2)
  await eventually('the first period to end', () =>
    node.status().provide.state === 'resting' ? true : undefined,
  )
  await node.stop()

  const again = await startRouting(t, { config: FLEET, storage: node.storage })
  await again.port.dial(other.port.addresses())
  await eventually('the DHT', () => (again.status().dht.peers > 0 ? true : undefined))
  const fresh = await again.pin()
  await announced(again, 1)
  t.equal(again.status().provide.announced, 1, 'what is new, and nothing else')
  t.equal((await other.providersOf(fresh)).get(again.id), 'dht')
  for (const cid of cids) t.equal((await other.providersOf(cid)).get(node.id), 'dht', 'its records are there')
})

t.test('what was pinned while nobody was there is announced when somebody comes', async t => {
  const node = await startRouting(t, { config: FLEET })
  const cid = await node.pin()
  t.equal(node.status().provide.state, 'alone')
  const other = await startRouting(t, { config: FLEET })
  await other.port.dial(node.port.addresses())
  await announced(node, 1)
  t.equal((await other.providersOf(cid)).get(node.id), 'dht')
})

t.test('nothing is announced, nor answered, where nothing is to be', async t => {
  const node = await startRouting(t, { config: { ...FLEET, provide: { what: 'none' } } })
  const [other] = (await startFleet(t, 1)) as [RoutedNode]
  await other.port.dial(node.port.addresses())
  await eventually('the DHT', () => (other.status().dht.peers > 0 ? true : undefined))
  const cid = await node.pin()
  t.same(await other.providersOf(cid), new Map())
  t.equal(node.status().provide.state, 'off')
})

t.test('without a DHT a node asks nobody', async t => {
  const node = await startRouting(t)
  t.same(await node.providersOf(await node.pin()), new Map())
  t.match(node.routing.describe(), { dht: { network: 'off' }, provide: { state: 'off' }, delegated: 0 })
})
