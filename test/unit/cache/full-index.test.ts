import t, { type Test } from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { cidOf, createCache } from './fixture.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** A storage whose index fills up long before its quota. */
async function open(t: Test): Promise<Storage> {
  const storage = await openStorage(
    { directory: t.testdir(), maxBytes: 1024 * MIB, minFreeDiskBytes: 0, mapBytes: 8 * MIB },
    { log: silentLogger },
  )
  t.teardown(() => storage.close())
  return storage
}

const put = (storage: Storage, id: number, size = 16 * KIB): Promise<void> =>
  storage.blocks.put(cidOf(id), Buffer.alloc(size, id))

async function putAll(storage: Storage, from: number, to: number, size?: number): Promise<void> {
  for (let id = from; id < to; id += 20) {
    const group = Array.from({ length: Math.min(20, to - id) }, (_, n) => put(storage, id + n, size))
    await Promise.all(group)
  }
}

/** Takes what room the index has, down to the reserve's last page. */
async function cram(storage: Storage): Promise<void> {
  const junk = storage.index.bucket('demo/junk')
  for (const size of [64 * KIB, 4 * KIB, 100]) {
    for (let n = 0; ; n++) {
      try {
        await storage.index.write(batch => batch.put(junk, Buffer.from(`${size} ${n}`), Buffer.alloc(size)))
      } catch {
        break
      }
    }
  }
}

t.test('blocks that fill the index make room there for new ones', async t => {
  const storage = await open(t)
  const pinned = new Set([0, 7])
  const cache = createCache(storage, { pinned, sliceBlocks: 64, headroomBytes: MIB })
  cache.attach()
  await putAll(storage, 0, 1200)
  t.ok(cache.stats().evictedBlocks > 700, `${cache.stats().evictedBlocks} evicted`)
  t.ok(storage.blocks.stats().blocks > 250, `${storage.blocks.stats().blocks} are held`)
  t.ok(storage.blocks.has(cidOf(0)) && storage.blocks.has(cidOf(7)), 'pinned ones stay')
  t.ok(storage.blocks.has(cidOf(1199)), 'the newest is there')
  t.notOk(storage.blocks.has(cidOf(1)), 'the oldest went')
  await cache.detach()
})

t.test('large blocks in the way make room in the index for a small one', async t => {
  const storage = await open(t)
  const cache = createCache(storage, { sliceBlocks: 64 })
  cache.attach()
  await putAll(storage, 0, 40, 100 * KIB)
  await putAll(storage, 40, 600)
  t.ok(storage.blocks.has(cidOf(599)))
  t.notOk(storage.blocks.has(cidOf(0)), 'what was unused longest went, whatever its size')
  await cache.detach()
})

t.test('an index that is full to the last page is not stuck', async t => {
  for (const isTracked of [true, false]) {
    const storage = await open(t)
    const cache = createCache(storage, { sliceBlocks: 16 })
    if (isTracked) cache.attach()
    await putAll(storage, 0, 200)
    if (isTracked) await cache.evict(1)
    await cram(storage)
    if (isTracked) for (let id = 100; id < 200; id++) await storage.blocks.get(cidOf(id))
    else cache.attach()

    await put(storage, 1000)
    t.ok(storage.blocks.has(cidOf(1000)), 'a new block fits')
    const freed = await cache.evict(MIB)
    t.ok(freed >= MIB, `${freed} bytes freed`)
    await putAll(storage, 1001, 1050)
    await cache.detach()
    await storage.close()
  }
})

t.test('an index full of pinned blocks refuses, and says so', async t => {
  const storage = await open(t)
  const pinned = new Set(Array.from({ length: 600 }, (_, id) => id))
  const cache = createCache(storage, { pinned })
  cache.attach()
  let stored = 0
  await t.rejects(
    async () => {
      for (; ; stored++) await put(storage, stored)
    },
    { code: 'STORAGE_FULL', message: /index is full/ },
  )
  t.equal(storage.blocks.stats().blocks, stored)
  t.match(storage.blocks.stats(), { reservedBytes: 0 })
  pinned.clear()
  cache.onUnpinned()
  await put(storage, stored)
  t.ok(storage.blocks.has(cidOf(stored)), 'once unpinned, they make room')
  await cache.detach()
})
