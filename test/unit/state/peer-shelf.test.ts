import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import { createEvents } from '../../../core/events.ts'
import { silentLogger } from '../../../core/logger.ts'
import { PeerShelf } from '../../../core/state/peer-shelf.ts'
import { createPeers } from '../../../core/state/peer-table.ts'
import { PeerTags } from '../../../core/state/peer-tags.ts'
import { openStorage } from '../../../core/storage/open.ts'
import type { Storage } from '../../../core/storage/storage.ts'

const [alice, bob, carol, dora] = await Promise.all(
  Array.from({ length: 4 }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))),
)
if (!alice || !bob || !carol || !dora) throw new Error('no peers')
const where = [multiaddr('/ip4/192.0.2.1/tcp/4001')]

async function open(directory: string): Promise<Storage> {
  return openStorage(
    { directory, maxBytes: 1024 ** 3, minFreeDiskBytes: 0, mapBytes: 64 * 1024 ** 2 },
    { log: silentLogger, onFatal() {} },
  )
}

/** One run of a node, as far as its peers go. */
async function run(storage: Storage, maxPeers = 10) {
  const shelf = await PeerShelf.open({ store: storage.bookkeeping, log: silentLogger })
  const tags = new PeerTags(storage.index)
  const events = createEvents(error => {
    throw error
  })
  return { shelf, tags, peers: createPeers({ maxPeers }, { events, keeper: shelf, tags }) }
}

/** Everything that is written reaches the disk when it closes, as with a node that is stopped. */
async function restart(
  t: Test,
  first: (parts: Awaited<ReturnType<typeof run>>) => unknown,
  maxPeers?: number,
) {
  const directory = t.testdir()
  const before = await open(directory)
  const parts = await run(before)
  await first(parts)
  await parts.shelf.close()
  await before.close()
  const after = await open(directory)
  t.teardown(() => after.close())
  return { ...(await run(after, maxPeers)), storage: after }
}

t.test('who was met is known after a restart, with what a user said', async t => {
  const { peers } = await restart(t, async ({ peers }) => {
    peers.found(alice, 'mdns', where)
    peers.connected(alice, { direction: 'inbound', address: '/ip4/192.0.2.1/tcp/999' })
    peers.identified(alice, { agent: 'skep/1', protocols: ['/x'], addresses: ['/ip4/192.0.2.1/tcp/4001'] })
    peers.report(alice, 'timeout', 'slow')
    peers.disconnected(alice)
    peers.found(bob, 'exchange', where)
    await peers.tag(carol, 'backup', 80)
  })
  t.match(peers.get(alice), {
    liveness: 'suspect',
    foundBy: 'mdns',
    addresses: ['/ip4/192.0.2.1/tcp/4001'],
    agent: 'skep/1',
    evidence: { timeout: 1 },
    lastSeenMs: Number,
    direction: undefined,
  })
  t.equal(peers.get(bob), undefined, 'who was merely heard of is not')
  t.match(peers.get(carol), { tags: { backup: 80 }, liveness: 'suspect' })
  t.match(
    peers.remembered().map(({ peer }) => peer.toString()),
    [alice.toString()],
  )
})

t.test('a tag is on disk when its promise resolves; its worth is told now and at the next start', async t => {
  const directory = t.testdir()
  const storage = await open(directory)
  t.teardown(() => storage.close())
  const { peers, tags } = await run(storage)
  const told: unknown[] = []
  tags.follow((peer, name, value) => told.push([peer.toString(), name, value]))
  await peers.tag(alice, 'a', 1)
  await peers.tag(alice, 'b', 100)
  t.same(told, [
    [alice.toString(), 'a', 1],
    [alice.toString(), 'b', 100],
  ])
  const again = new PeerTags(storage.index)
  const toldAgain: unknown[] = []
  again.follow((peer, name, value) => toldAgain.push([peer.toString(), name, value]))
  t.same(toldAgain, told, 'without anybody having saved or closed anything')
  t.equal(await peers.untag(alice, 'c'), false)
  t.equal(await peers.untag(alice, 'a'), true)
  t.same(new PeerTags(storage.index).of(alice.toString()), { b: 100 })
  t.equal(await peers.untag(alice), true)
  t.same([...new PeerTags(storage.index).peers()], [])
  t.same(told.slice(2), [
    [alice.toString(), 'a', 0],
    [alice.toString(), 'b', 0],
  ])
})

t.test('a tag that could not be written is none; changes that overlap do not lose each other', async t => {
  const storage = await open(t.testdir())
  const { peers } = await run(storage)
  await Promise.all([peers.tag(alice, 'a', 1), peers.tag(alice, 'b', 2), peers.untag(alice, 'a')])
  t.same(peers.get(alice)?.tags, { b: 2 })
  t.same(new PeerTags(storage.index).of(alice.toString()), { b: 2 })
  await storage.close()
  await t.rejects(peers.tag(alice, 'c', 3), { code: 'STORAGE_CLOSED' })
  await t.rejects(peers.untag(alice), { code: 'STORAGE_CLOSED' })
  t.same(peers.get(alice)?.tags, { b: 2 })
})

t.test('who was never met is forgotten with the last tag', async t => {
  const directory = t.testdir()
  const storage = await open(directory)
  t.teardown(() => storage.close())
  const { shelf, peers } = await run(storage)
  await peers.tag(alice, 'a', 1)
  await shelf.save()
  t.match((await run(storage)).shelf.kept, [{ peer: alice.toString() }])
  await peers.untag(alice)
  await shelf.save()
  t.same((await run(storage)).shelf.kept, [])
})

t.test('tags are checked and bounded', async t => {
  const storage = await open(t.testdir())
  t.teardown(() => storage.close())
  const { peers } = await run(storage)
  for (const [name, value] of [
    ['', 1],
    ['x'.repeat(65), 1],
    ['a\u001b[2J', 1],
    ['x', 0],
    ['x', 101],
    ['x', 1.5],
  ] as const) {
    await t.rejects(peers.tag(alice, name, value), { code: 'TAG_INVALID' })
  }
  for (let tag = 0; tag < 16; tag++) await peers.tag(alice, `tag ${tag}`, 5)
  await t.rejects(peers.tag(alice, 'one more', 5), { code: 'TAGS_FULL' })
  await peers.tag(alice, 'tag 3', 6)
  t.equal(peers.get(alice)?.tags['tag 3'], 6, 'a tag that is there changes')
})

t.test('who was forgotten stays forgotten, who leaves a full table does too', async t => {
  const { peers } = await restart(t, async ({ peers, shelf }) => {
    for (const peer of [alice, bob, carol]) {
      peers.connected(peer, { direction: 'outbound', address: '/ip4/192.0.2.1/tcp/1' })
      peers.disconnected(peer)
    }
    await shelf.save()
    peers.forget(alice)
  })
  t.equal(peers.get(alice), undefined)
  t.ok(peers.get(bob))

  const smaller = await restart(
    t,
    ({ peers }) => {
      for (const peer of [alice, bob, carol]) {
        peers.connected(peer, { direction: 'outbound', address: '/ip4/192.0.2.1/tcp/1' })
        peers.disconnected(peer)
      }
    },
    2,
  )
  t.same(
    smaller.peers.list().map(({ peer }) => peer),
    [bob.toString(), carol.toString()],
    'the one seen longest ago has left',
  )
})

t.test('what the discovery plugin kept is taken over; what nobody can read costs no start', async t => {
  const directory = t.testdir()
  const before = await open(directory)
  const old = before.bookkeeping.bucket('discovery/peers')
  const current = before.bookkeeping.bucket('peers')
  const json = (rank: number): Uint8Array =>
    Buffer.from(`{"version":1,"rank":${rank},"addresses":["/ip4/192.0.2.1/tcp/4001"]}`)
  await before.bookkeeping.write(batch => {
    batch.put(old, Buffer.from(bob.toString()), json(9))
    batch.put(old, Buffer.from(alice.toString()), json(4))
    batch.put(old, Buffer.from('no peer'), json(5))
    batch.put(current, Buffer.from(carol.toString()), Buffer.of(77, 1, 2, 3))
    batch.put(current, Buffer.of(255, 254), Buffer.of(2))
  })
  const remembered = async (storage: Storage) =>
    (await run(storage)).peers.remembered().map(({ peer }) => peer.toString())
  t.same(await remembered(before), [bob.toString(), alice.toString()])
  t.same([...old.keys()], [])
  await before.close()
  const after = await open(directory)
  t.teardown(() => after.close())
  t.same(await remembered(after), [bob.toString(), alice.toString()])
  t.equal(after.bookkeeping.bucket('peers').size(), 2)
})
