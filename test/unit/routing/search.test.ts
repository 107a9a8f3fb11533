import { randomBytes } from 'node:crypto'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startStockNode } from '../network/nodes.ts'
import { announced, FLEET, type RoutedNode, startRouting } from './fixture.ts'

const RAW = 0x55

function someCid(): CID {
  return cidOf(RAW, new Uint8Array(randomBytes(32)))
}

/** How often a source was asked, with that result. */
async function asked({ metrics }: RoutedNode, source: string, result: string): Promise<number> {
  const name = `skep_routing_lookups_total{source="${source}",result="${result}"}`
  const line = (await metrics.text()).split('\n').find(text => text.startsWith(name))
  return Number(line?.split(' ').at(-1) ?? 0)
}

async function pair(isMember: boolean): Promise<[RoutedNode, RoutedNode]> {
  const options = { config: FLEET, isMember: () => isMember }
  const [one, two] = await Promise.all([startRouting(t, options), startRouting(t, options)])
  await one.port.dial(two.port.addresses())
  for (const node of [one, two]) {
    await eventually('the DHT', () => (node.status().dht.peers > 0 ? true : undefined))
  }
  return [one, two]
}

t.test('what members said is enough: nobody else is asked', async t => {
  const [holder, seeker] = await pair(true)
  const cid = await holder.pin()
  await announced(holder, 1)
  await eventually('the list of the member', async () => {
    for await (const { source } of seeker.routing.router.findProviders(cid, { enough: 1 })) return source
    return undefined
  })
  const before = await asked(seeker, 'dht', 'found')
  t.same(await seeker.providersOf(cid, { enough: 1 }), new Map([[holder.id, 'members']]))
  t.equal(await asked(seeker, 'dht', 'found'), before)
  t.same(await seeker.providersOf(cid), new Map([[holder.id, 'members']]), 'each peer comes once')
  t.equal(await asked(seeker, 'dht', 'found'), before + 1, 'though all were asked')
})

t.test('nobody is asked again at once for what nobody had', async t => {
  const [, seeker] = await pair(false)
  const cid = someCid()
  t.same(await seeker.providersOf(cid), new Map())
  t.same(await seeker.providersOf(cid), new Map())
  t.equal(await asked(seeker, 'dht', 'none'), 1)
  t.equal(await asked(seeker, 'members', 'none'), 2)
})

t.test('a search ends when it is given up', async t => {
  const [, seeker] = await pair(false)
  const over = new AbortController()
  over.abort(new Error('no more'))
  const search = seeker.routing.router.findProviders(someCid(), { signal: over.signal })
  await t.rejects(search.next(), /no more/)
  await t.rejects(seeker.routing.router.findPeer(seeker.port.self, { signal: over.signal }), /no more/)
})

t.test('peers that the DHT tells of go to discovery', async t => {
  const [one, two] = await pair(false)
  const third = await startRouting(t, { config: FLEET })
  await third.port.dial(one.port.addresses())
  await eventually('word of the third', () => (third.found.has(two.id) ? true : undefined))
  t.equal(third.found.get(two.id), 'dht')
  t.same(
    await third.routing.router.findPeer((await startRouting(t)).port.self),
    [],
    'who is nowhere is not found',
  )
})

t.test('a node with nobody to begin with dials those that it was told of', async t => {
  const there = await startRouting(t, { config: FLEET })
  const bootstrap = ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooWRFL2GTENvptZDaM4hamHKBhwqrhdfVxj6ZbtNQiMi5mQ']
  bootstrap.push(...there.port.addresses().map(String))
  const node = await startRouting(t, { config: { dht: { network: 'fleet', bootstrap } } })
  await eventually('the DHT', () => (node.status().dht.peers > 0 ? true : undefined))
  t.same(node.port.connectedPeers().map(String), [there.id])
  t.match(node.status().dht, { network: 'fleet', mode: 'server' })
})

t.test('networks of other names stay apart', async t => {
  const one = await startRouting(t, { config: FLEET })
  const other = await startRouting(t, { config: { dht: { network: 'fleet', name: 'other' } } })
  const third = await startRouting(t, { config: FLEET })
  await one.port.dial(other.port.addresses())
  await one.port.dial(third.port.addresses())
  await eventually('the DHT', () => (one.status().dht.peers > 0 ? true : undefined))
  t.equal(one.status().dht.peers, 1)
  t.equal(other.status().dht.peers, 0)
})

t.test('a look-up is over in its time, though a node of the DHT never answers', async t => {
  const mute = await startStockNode(t, { services: { identify: identify(), ping: ping() } })
  const asked = Promise.withResolvers<void>()
  await mute.handle('/skep/kad/1.0.0', () => asked.resolve())
  const seeker = await startRouting(t, { config: { ...FLEET, lookup: { timeoutMs: 1000 } } })
  await seeker.port.dial(mute.getMultiaddrs())
  await eventually('the DHT', () => (seeker.status().dht.peers > 0 ? true : undefined))
  const startMs = performance.now()
  t.same(await seeker.providersOf(someCid()), new Map())
  t.ok(performance.now() - startMs < 4000, 'before kad-dht itself gives up')
  await asked.promise
})
