import type { PeerId } from '@libp2p/interface'
import t from 'tap'
import { CandidateTable } from '../../../plugins/discovery/candidate-table.ts'
import { addressOf, createPeerId, createPeerIds } from './fixture.ts'

function createTable(maxCandidates = 3) {
  const clock = { nowMs: 0 }
  const table = new CandidateTable(
    { maxCandidates, jitterMs: 1000, minBackoffMs: 10_000, maxBackoffMs: 80_000 },
    { nowMs: () => clock.nowMs, random: () => 0.5 },
  )
  const fail = (peer: PeerId): void => {
    table.dialing(peer)
    table.failed(peer)
  }
  return { table, clock, fail, get: (peer: PeerId) => table.get(peer.toString()) }
}

t.test('keeps how a peer was found first, and each address once', async t => {
  const { table, get } = createTable()
  const peer = await createPeerId()
  t.equal(table.found(peer, [addressOf(1)], 'mdns'), true)
  t.equal(table.found(peer, [addressOf(1), addressOf(2)], 'bootstrap'), false)
  t.equal(get(peer)?.source, 'mdns')
  t.same(get(peer)?.addresses.map(String), [addressOf(2), addressOf(1)].map(String))
  t.equal(get(peer)?.dialAtMs, 500, 'after a random part of the jitter')
})

t.test('keeps a bounded number of addresses, the last found first', async t => {
  const { table, get } = createTable()
  const peer = await createPeerId()
  for (let port = 1; port <= 100; port++) table.found(peer, [addressOf(port)], 'mdns')
  t.equal(get(peer)?.addresses.length, 16)
  t.equal(get(peer)?.addresses[0]?.toString(), addressOf(100).toString())
})

t.test('waits longer after each failure; a new address is a new chance', async t => {
  const { table, clock, fail, get } = createTable()
  const peer = await createPeerId()
  table.found(peer, [addressOf(1)], 'mdns')
  const waits: number[] = []
  for (let failures = 1; failures <= 5; failures++) {
    fail(peer)
    waits.push((get(peer)?.dialAtMs ?? 0) - clock.nowMs)
  }
  t.same(waits, [7500, 15_000, 30_000, 60_000, 60_000])
  table.found(peer, [addressOf(1)], 'mdns')
  t.equal(get(peer)?.dialAtMs, 60_000, 'an old one is not')
  table.found(peer, [addressOf(2)], 'mdns')
  t.equal(get(peer)?.dialAtMs, 500)
  t.equal(get(peer)?.failures, 5)
})

t.test('a connection that ends at once is a failure, one that lasted is not', async t => {
  const { table, clock, get } = createTable()
  const peer = await createPeerId()
  table.found(peer, [addressOf(1)], 'mdns')
  for (let failures = 1; failures <= 3; failures++) {
    t.equal(table.connected(peer, 'inbound'), false)
    clock.nowMs += 1000
    table.disconnected(peer)
    t.equal(get(peer)?.failures, failures)
  }
  table.connected(peer, 'inbound')
  clock.nowMs += 60_000
  table.disconnected(peer)
  t.equal(get(peer)?.failures, 1)
  t.equal(get(peer)?.state, 'idle')
})

t.test('is bounded: the one that failed most makes room, bootstrap and connected peers stay', async t => {
  const { table, fail, get } = createTable(4)
  const [entry, online, once, twice, next, last] = await createPeerIds(6)
  if (!entry || !online || !once || !twice || !next || !last) throw new Error('six peer ids')
  table.found(entry, [addressOf(1)], 'bootstrap')
  table.connected(online, 'inbound')
  for (const peer of [once, twice]) table.found(peer, [addressOf(2)], 'mdns')
  t.equal(table.found(next, [addressOf(3)], 'mdns'), false, 'nobody failed yet')
  for (const peer of [entry, entry, entry, once, twice, twice]) fail(peer)
  t.equal(table.found(next, [addressOf(3)], 'mdns'), true)
  t.equal(get(twice), undefined)
  t.equal(table.found(last, [addressOf(3)], 'mdns'), true)
  t.equal(get(once), undefined)
  t.ok(get(entry) && get(online) && get(next))
  t.equal(table.size, 4)
})
