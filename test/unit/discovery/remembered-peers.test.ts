import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { RememberedPeers } from '../../../plugins/discovery/remembered-peers.ts'
import { addressOf } from './fixture.ts'

const open = (storage: ReturnType<typeof createMemoryStorage>, maxPeers = 3): RememberedPeers =>
  new RememberedPeers({ maxPeers }, { store: storage.index })

const names = (peers: RememberedPeers): string[] => peers.load().map(({ peer }) => peer)

t.test('peers come back after a restart, the most recently useful first', async t => {
  const storage = createMemoryStorage({ maxBytes: 1 << 20 })
  const peers = open(storage)
  t.same(peers.load(), [])
  for (const peer of ['a', 'b', 'c', 'a']) peers.remember({ peer, addresses: [addressOf(1), addressOf(2)] })
  await peers.save()
  const again = open(storage)
  const [first] = again.load()
  t.equal(first?.peer, 'a')
  t.same(first?.addresses.map(String), [addressOf(1), addressOf(2)].map(String))
  t.same(names(open(storage)), ['a', 'c', 'b'])
  again.remember({ peer: 'b', addresses: [] })
  await again.save()
  t.same(names(open(storage)), ['b', 'a', 'c'], 'the order goes on where it was')
})

t.test('the least recently useful leave first, on disk too', async t => {
  const storage = createMemoryStorage({ maxBytes: 1 << 20 })
  const peers = open(storage)
  peers.load()
  for (const peer of ['a', 'b', 'c', 'd', 'b', 'e']) peers.remember({ peer, addresses: [addressOf(1)] })
  t.equal(peers.size, 3)
  await peers.save()
  t.same(names(open(storage, 100)), ['e', 'b', 'd'])
  const smaller = open(storage, 1)
  t.same(names(smaller), ['e'])
  await smaller.save()
  t.equal(storage.index.bucket('discovery/peers').size(), 1)
})

t.test('a peer without addresses is of no use', async t => {
  const peers = open(createMemoryStorage({ maxBytes: 1 << 20 }))
  peers.load()
  peers.remember({ peer: 'a', addresses: [] })
  t.equal(peers.size, 0)
  t.equal(peers.has('a'), false)
})

t.test('nothing is written where nothing changed', async t => {
  const storage = createMemoryStorage({ maxBytes: 1 << 20 })
  const peers = open(storage)
  peers.load()
  peers.remember({ peer: 'a', addresses: [addressOf(1)] })
  await peers.save()
  let writes = 0
  const counted = new RememberedPeers(
    { maxPeers: 3 },
    {
      store: {
        bucket: name => storage.index.bucket(name),
        write: change => {
          writes += 1
          return storage.index.write(change)
        },
      },
    },
  )
  counted.load()
  await counted.save()
  t.equal(writes, 0)
})

t.test('what cannot be read is forgotten', async t => {
  const storage = createMemoryStorage({ maxBytes: 1 << 20 })
  const bucket = storage.index.bucket('discovery/peers')
  const texts = [
    '{',
    '{"version":2}',
    '{"version":1,"rank":1,"addresses":["/nonsense"]}',
    '{"version":1,"rank":1.5,"addresses":[]}',
  ]
  await storage.index.write(batch => {
    for (const [index, text] of texts.entries())
      batch.put(bucket, Buffer.from(`peer ${index}`), Buffer.from(text))
  })
  const peers = open(storage)
  t.same(peers.load(), [])
  await peers.save()
  t.equal(bucket.size(), 0)
})
