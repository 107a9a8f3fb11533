import type { PeerId } from '@libp2p/interface'
import t from 'tap'
import { CandidateTable } from '../../../plugins/discovery/candidate-table.ts'
import { addressOf, createPeerId, createPeerIds } from './fixture.ts'

const stranger = { isMember: false, isConfigured: false }
const member = { isMember: true, isConfigured: false }
const configured = { isMember: true, isConfigured: true }

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
  return { table, clock, fail, get: (peer: PeerId) => table.get(peer) }
}

t.test('keeps each address once; who turns out to be a member is one from then on', async t => {
  const { table, get } = createTable()
  const peer = await createPeerId()
  t.equal(table.found(peer, [addressOf(1)], stranger), true)
  t.equal(table.found(peer, [addressOf(1), addressOf(2)], configured), false)
  t.match(get(peer), { isMember: true, isConfigured: true })
  table.found(peer, [], stranger)
  t.match(get(peer), { isMember: true, isConfigured: true }, 'whatever it is found by later')
  t.same(get(peer)?.addresses.map(String), [addressOf(2), addressOf(1)].map(String))
  t.equal(get(peer)?.dialAtMs, 500, 'after a random part of the jitter')
})

t.test('keeps a bounded number of addresses, the last found first', async t => {
  const { table, get } = createTable()
  const peer = await createPeerId()
  for (let port = 1; port <= 100; port++) table.found(peer, [addressOf(port)], stranger)
  t.equal(get(peer)?.addresses.length, 16)
  t.equal(get(peer)?.addresses[0]?.toString(), addressOf(100).toString())
})

t.test('waits longer after each failure; a new address is a new chance', async t => {
  const { table, clock, fail, get } = createTable()
  const peer = await createPeerId()
  table.found(peer, [addressOf(1)], stranger)
  const waits: number[] = []
  for (let failures = 1; failures <= 5; failures++) {
    fail(peer)
    waits.push((get(peer)?.dialAtMs ?? 0) - clock.nowMs)
  }
  t.same(waits, [7500, 15_000, 30_000, 60_000, 60_000])
  table.found(peer, [addressOf(1)], stranger)
  t.equal(get(peer)?.dialAtMs, 60_000, 'an old one is not')
  table.found(peer, [addressOf(2)], stranger)
  t.equal(get(peer)?.dialAtMs, 500)
  t.equal(get(peer)?.failures, 5)
})

t.test('a connection that ends at once is a failure, one that lasted is not', async t => {
  const { table, clock, get } = createTable()
  const peer = await createPeerId()
  table.found(peer, [addressOf(1)], stranger)
  for (let failures = 1; failures <= 3; failures++) {
    table.connected(peer, stranger)
    clock.nowMs += 1000
    table.disconnected(peer)
    t.equal(get(peer)?.failures, failures)
  }
  table.connected(peer, stranger)
  clock.nowMs += 60_000
  table.disconnected(peer)
  t.equal(get(peer)?.failures, 1)
  t.equal(get(peer)?.state, 'idle')
})

t.test('is bounded: the one that failed most makes room, bootstrap and connected peers stay', async t => {
  const { table, fail, get } = createTable(4)
  const [entry, online, once, twice, next, last] = await createPeerIds(6)
  if (!entry || !online || !once || !twice || !next || !last) throw new Error('six peer ids')
  table.found(entry, [addressOf(1)], configured)
  table.connected(online, stranger)
  for (const peer of [once, twice]) table.found(peer, [addressOf(2)], stranger)
  t.equal(table.found(next, [addressOf(3)], stranger), false, 'nobody failed yet')
  for (const peer of [entry, entry, entry, once, twice, twice]) fail(peer)
  t.equal(table.found(next, [addressOf(3)], stranger), true)
  t.equal(get(twice), undefined)
  t.equal(table.found(last, [addressOf(3)], stranger), true)
  t.equal(get(once), undefined)
  t.ok(get(entry) && get(online) && get(next))
  t.equal(table.size, 4)
})

t.test('strangers make room for members, also where none has failed', async t => {
  const { table, fail, get } = createTable(3)
  const [one, two, three, four, five] = await createPeerIds(5)
  if (!one || !two || !three || !four || !five) throw new Error('five peer ids')
  for (const peer of [one, two]) table.found(peer, [addressOf(1)], member)
  table.found(three, [addressOf(1)], stranger)
  for (const peer of [one, one, three]) fail(peer)
  t.equal(table.found(four, [addressOf(1)], stranger), true)
  t.equal(get(three), undefined, 'a stranger that failed goes before a member that failed more')
  t.equal(table.found(five, [addressOf(1)], member), true)
  t.ok(get(one) && get(two) && !get(four))
})

t.test('once the network changed all may be tried again soon, each at its own moment', async t => {
  const clock = { nowMs: 0 }
  const chance = [0.9, 0.9, 0.9, 0.9, 0.1, 0.7]
  const table = new CandidateTable(
    { maxCandidates: 3, jitterMs: 1000, minBackoffMs: 10_000, maxBackoffMs: 80_000 },
    { nowMs: () => clock.nowMs, random: () => chance.shift() ?? 0 },
  )
  const peers = await createPeerIds(2)
  for (const peer of peers) table.found(peer, [addressOf(1)], member)
  for (const peer of peers) {
    table.dialing(peer)
    table.failed(peer)
  }
  table.retryAll()
  t.same(
    peers.map(peer => table.get(peer)?.dialAtMs),
    [100, 700],
  )
})

t.test('forgets who is not connected', async t => {
  const { table, get } = createTable()
  const [gone, online] = await createPeerIds(2)
  if (!gone || !online) throw new Error('two peer ids')
  table.found(gone, [addressOf(1)], member)
  table.connected(online, member)
  for (const peer of [gone, online]) table.forget(peer)
  t.same([get(gone), get(online)?.state], [undefined, 'connected'])
})
