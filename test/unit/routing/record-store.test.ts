import { randomBytes } from 'node:crypto'
import type { PeerId } from '@libp2p/interface'
import { Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { create } from 'multiformats/hashes/digest'
import t from 'tap'
import * as varint from 'uint8-varint'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import {
  MAX_PROVIDERS,
  MAX_TOLD,
  RECORD_LIFE_MS,
  RecordStore,
} from '../../../plugins/routing/dht/record-store.ts'
import { createPeerIds } from '../discovery/fixture.ts'

const SHA2_256 = 0x12
const PREFIX = '/dht/provider'
const peers = (await createPeerIds(12)) as [PeerId, PeerId, ...PeerId[]]
const [self, other] = peers

const someHash = (): Uint8Array => create(SHA2_256, new Uint8Array(randomBytes(32))).bytes
const prefixOf = (hash: Uint8Array): string => `${PREFIX}/${base32.baseEncode(hash)}`
const keyOf = (hash: Uint8Array, peer: PeerId): Key => new Key(`${prefixOf(hash)}/${peer}`)

const NETWORK = '/skep/kad/1.0.0'

async function setUp({ maxRecords = 1000 } = {}) {
  const held = new Set<string>()
  const unknown = new Set<string>()
  const clock = { nowMs: 1_000_000 }
  const { bookkeeping } = createMemoryStorage({ maxBytes: 64 * 1024 * 1024 })
  const open = async (network = NETWORK): Promise<RecordStore> => {
    const store = new RecordStore(
      { maxRecords, self },
      {
        store: bookkeeping,
        provides: hash => held.has(Buffer.from(hash).toString('hex')),
        isKnown: async peer => !unknown.has(peer.toString()),
        wallMs: () => clock.nowMs,
      },
    )
    await store.open(network)
    return store
  }
  const store = await open()
  const put = (hash: Uint8Array, peer: PeerId) => store.put(keyOf(hash, peer), varint.encode(clock.nowMs))
  const providersOf = async (hash: Uint8Array, from = store): Promise<string[]> => {
    const ids: string[] = []
    for await (const { key } of from.query({ prefix: prefixOf(hash) })) {
      t.ok(key.toString().startsWith(`${prefixOf(hash)}/`))
      ids.push(key.toString().split('/').at(-1) ?? '')
    }
    return ids
  }
  return { store, open, put, providersOf, held, unknown, clock, bookkeeping }
}

t.test('records are kept as kad-dht asks for them, across a restart', async t => {
  const { store, open, put, providersOf } = await setUp()
  const [one, two] = [someHash(), someHash()]
  await put(one, other)
  await put(one, peers[2] as PeerId)
  await put(two, other)
  await put(two, other)
  t.equal(store.size, 3)
  t.same((await providersOf(one)).sort(), [other, peers[2]].map(String).sort())
  t.same(await providersOf(two), [other.toString()])
  t.same(await providersOf(someHash()), [])
  const again = await open()
  t.equal(again.size, 3)
  t.same(await providersOf(two, again), [other.toString()])
  await store.delete(keyOf(two, other))
  t.same(await providersOf(two), [])
  t.equal(store.size, 2)
})

t.test('what this node has is answered from what it holds, and not stored', async t => {
  const { store, put, providersOf, held } = await setUp()
  const hash = someHash()
  await put(hash, self)
  t.equal(store.size, 0)
  t.same(await providersOf(hash), [])
  held.add(Buffer.from(hash).toString('hex'))
  t.same(await providersOf(hash), [self.toString()])
})

t.test('records end', async t => {
  const { store, put, providersOf, clock } = await setUp()
  const hash = someHash()
  await put(hash, other)
  clock.nowMs += RECORD_LIFE_MS
  t.same(await providersOf(hash), [other.toString()])
  clock.nowMs += 1
  t.same(await providersOf(hash), [])
  await put(hash, peers[2] as PeerId)
  const over: string[] = []
  for await (const { key } of store.query({ prefix: PREFIX })) over.push(key.toString())
  t.same(over, [keyOf(hash, other).toString()], 'and are named to be deleted, and only they')
})

t.test('who is nowhere to be found provides nothing', async t => {
  const { put, providersOf, unknown } = await setUp()
  const hash = someHash()
  await put(hash, other)
  unknown.add(other.toString())
  t.same(await providersOf(hash), [])
})

t.test('no peer takes more than its share', async t => {
  const { store, put } = await setUp({ maxRecords: 80 })
  for (let index = 0; index < 30; index++) await put(someHash(), other)
  t.equal(store.size, 10)
})

t.test('where there are too many the oldest leave', async t => {
  const { store, put, providersOf, clock } = await setUp({ maxRecords: 64 })
  const all: Uint8Array[] = []
  for (let index = 0; index < 80; index++) {
    clock.nowMs += 1
    const hash = someHash()
    all.push(hash)
    await put(hash, peers[2 + (index % 10)] as PeerId)
    t.ok(store.size <= 64)
  }
  t.same(await providersOf(all[0] as Uint8Array), [])
  t.equal((await providersOf(all.at(-1) as Uint8Array)).length, 1)
})

t.test('many that come at once count each once, and push out no more than one by one', async t => {
  const { store, open, put, clock } = await setUp({ maxRecords: 64 })
  for (let index = 0; index < 64; index++) await put(someHash(), peers[2 + (index % 8)] as PeerId)
  clock.nowMs += 1
  const hash = someHash()
  await Promise.all(Array.from({ length: 20 }, () => put(hash, peers[10] as PeerId)))
  t.equal(store.size, 64 - 8 + 1)
  t.equal((await open()).size, store.size, 'as many as there are')
})

t.test('of many providers of one hash the last are kept, and the very last are told', async t => {
  const { store, put, providersOf, clock } = await setUp()
  const hash = someHash()
  const many = await createPeerIds(MAX_PROVIDERS + 5)
  for (const peer of many) {
    clock.nowMs += 1
    await put(hash, peer)
  }
  t.equal(store.size, MAX_PROVIDERS)
  t.same(await providersOf(hash), many.slice(-MAX_TOLD).map(String).reverse())
  clock.nowMs += 1
  await put(hash, many.at(-MAX_TOLD - 1) as PeerId)
  t.equal((await providersOf(hash))[0], String(many.at(-MAX_TOLD - 1)))
  t.equal(store.size, MAX_PROVIDERS)
})

t.test('other kinds of records are not kept', async t => {
  const { store } = await setUp()
  const key = new Key('/dht/record/abc')
  await store.put(key, Buffer.from('value'))
  t.equal(store.size, 0)
  t.notOk(store.has())
  t.throws(() => store.get(key), { name: 'NotFoundError' })
})

t.test('records of another network go, also where it began in another run', async t => {
  const { store, open, put, providersOf } = await setUp()
  const hash = someHash()
  await put(hash, other)
  t.equal(await store.open(NETWORK), false)
  t.same(await providersOf(hash), [String(other)])
  const elsewhere = await open('/skep-abc/kad/1.0.0')
  t.equal(elsewhere.size, 0)
  t.same(await providersOf(hash, elsewhere), [])
  t.equal(await store.open(NETWORK), true, 'and none is there on the way back')
  t.same(await providersOf(hash), [])
})

t.test('what the disk has damaged of earlier runs is forgotten, and the rest is there', async t => {
  const { open, put, providersOf, bookkeeping } = await setUp()
  const bucket = bookkeeping.bucket('routing/records')
  const [one, two] = [someHash(), someHash()]
  await put(one, other)
  await put(two, other)
  const [good, bad] = [...bucket.entries()]
  if (!good || !bad) throw new Error('two records')
  const turned = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, n) => (n === at ? byte ^ 4 : byte))
  await bookkeeping.write(batch => {
    for (let at = 0; at < bad[0].length; at++) batch.put(bucket, turned(bad[0], at), bad[1])
    batch.put(bucket, bad[0], new Uint8Array())
    batch.put(bucket, Uint8Array.of(1), bad[1])
  })
  const store = await open()
  const held = [one, two].find(hash => Buffer.from(good[0]).includes(Buffer.from(hash))) as Uint8Array
  t.same(await providersOf(held, store), [other.toString()])
  t.equal(store.size, bucket.size())
})
