import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { RecordTable } from '../../../../plugins/discovery/introductions/record-table.ts'
import { type SignedRecord, sealRecord } from '../../../../plugins/discovery/introductions/signed-record.ts'

async function recordOf(address = '/ip4/10.0.0.1/tcp/1', sequence = 1n): Promise<SignedRecord> {
  const privateKey = await generateKeyPair('Ed25519')
  return sealRecord(peerIdFromPrivateKey(privateKey), sequence, [multiaddr(address)], privateKey)
}

function createTable(options = {}, kept: readonly PeerId[] = []): RecordTable {
  return new RecordTable(
    { maxRecords: 4, maxHearsay: 3, ...options },
    { isKept: peer => kept.some(one => one.equals(peer)), random: () => 0.5 },
  )
}

t.test('newer records replace older ones; other addresses are news', async t => {
  const table = createTable()
  const first = await recordOf()
  t.equal(table.put(first, first.peer), 'news')
  t.equal(table.isNewer(first.peer, 1n), false)
  t.equal(table.isNewer(first.peer, 2n), true)
  t.equal(table.put({ ...first, sequence: 2n }, first.peer), 'same')
  const moved = { ...first, sequence: 3n, addresses: [multiaddr('/ip4/10.0.0.2/tcp/1')] }
  t.equal(table.put(moved, first.peer), 'news')
  t.equal(table.get(first.peer), moved)
})

t.test('what is only heard is told to nobody', async t => {
  const table = createTable()
  const [teller, heard] = [await recordOf(), await recordOf()]
  table.put(teller, teller.peer)
  table.put(heard, teller.peer)
  t.equal(table.met(teller.peer), true)
  t.equal(table.met(teller.peer), false, 'it was met before')
  t.same(
    table.sample(9, 'private', heard.peer).map(({ peer }) => peer),
    [teller.peer],
  )
  t.equal(table.told(heard.peer.toString()), undefined)
  table.met(heard.peer)
  t.equal(table.told(heard.peer.toString()), heard)
})

t.test('one peer fills so much of the table with strangers and no more', async t => {
  const table = createTable({ maxRecords: 100 })
  const { peer: liar } = await recordOf()
  const told = await Promise.all(Array.from({ length: 5 }, () => recordOf()))
  t.same(
    told.map(record => table.put(record, liar)),
    ['news', 'news', 'news', 'refused', 'refused'],
  )
  const honest = await recordOf()
  t.equal(table.put(honest, honest.peer), 'news')
  const [first] = told
  if (!first) throw new Error('it told')
  table.met(first.peer)
  t.equal(table.put(await recordOf(), liar), 'news', 'who turned out to be there counts no more')
})

t.test('is bounded: hearsay leaves first, then the one unchanged for longest; who is kept stays', async t => {
  const records = await Promise.all(Array.from({ length: 7 }, () => recordOf()))
  const [kept, met, later, heard, ...more] = records
  if (!kept || !met || !later || !heard) throw new Error('seven records')
  const table = createTable({}, [kept.peer])
  for (const record of [kept, met, later]) {
    table.put(record, record.peer)
    table.met(record.peer)
  }
  table.put(heard, met.peer)
  const gone = more.map(record => {
    t.equal(table.put(record, record.peer), 'news')
    table.met(record.peer)
    return [heard, met, later, kept].filter(({ peer }) => !table.get(peer)).length
  })
  t.same(gone, [1, 2, 3])
  t.ok(table.get(kept.peer))
  t.equal(table.size, 4)
})

t.test('samples are by chance, within the scope, and without who asks', async t => {
  const table = createTable({ maxRecords: 100 })
  const near = await Promise.all(Array.from({ length: 5 }, () => recordOf()))
  const far = await recordOf('/ip4/1.2.3.4/tcp/1')
  for (const record of [...near, far]) {
    table.put(record, record.peer)
    table.met(record.peer)
  }
  const [asker] = near
  if (!asker) throw new Error('five records')
  t.same(table.sample(9, 'public', asker.peer), [far])
  const sample = table.sample(3, 'private', asker.peer)
  t.equal(new Set(sample).size, 3)
  t.notOk(sample.includes(asker))
  t.equal(table.sample(9, 'private', asker.peer).length, 5)
})
