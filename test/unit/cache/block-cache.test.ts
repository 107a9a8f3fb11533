import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create } from 'multiformats/hashes/digest'
import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { diskBytesOf } from '../../../core/storage/size-classes.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { clearOldOrder } from '../../../plugins/cache/old-order.ts'
import { STRATEGIES } from '../../../plugins/cache/policies/ranking.ts'
import { cidOf, createCache, hashOf } from './fixture.ts'

const MIB = 1 << 20
const SIZE = 1000
const DISK_SIZE = diskBytesOf(SIZE)

const put = (storage: Storage, id: number, size = SIZE): Promise<void> =>
  storage.blocks.put(cidOf(id), new Uint8Array(size))

const held = (storage: Storage, ids: Iterable<number>): number[] =>
  [...ids].filter(id => storage.blocks.has(cidOf(id)))

const ids = (count: number): number[] => Array.from({ length: count }, (_, id) => id)

type Step =
  | { readonly do: 'put' | 'read'; readonly id: number; readonly size: number }
  | { readonly do: 'evict'; readonly bytes: number }
  | { readonly do: 'restart' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('put'), id: fc.nat(30), size: fc.integer({ min: 1, max: 5000 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read'), id: fc.nat(30), size: fc.constant(0) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('evict'), bytes: fc.integer({ min: 1, max: 20_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
) as fc.Arbitrary<Step>

t.test('evicts what a naive list in order of use would', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.uniqueArray(fc.nat(30), { maxLength: 8 }),
      fc.integer({ min: 1, max: 8 }),
      async (steps, pinnedIds, sliceBlocks) => {
        const storage = createMemoryStorage({ maxBytes: 64 * MIB })
        const pinned = new Set(pinnedIds)
        const config = { pinned, sliceBlocks, sliceBytes: 6000 }
        let cache = createCache(storage, config)
        cache.attach()
        // The naive list: [id, payload bytes], the longest unused first.
        let model: [id: number, size: number][] = []
        const use = (id: number, size: number): void => {
          if (!pinned.has(id)) model = [...model.filter(([other]) => other !== id), [id, size]]
        }
        for (const one of steps) {
          if (one.do === 'put' && !storage.blocks.has(cidOf(one.id))) {
            await put(storage, one.id, one.size)
            use(one.id, one.size)
          } else if (one.do === 'read' && storage.blocks.has(cidOf(one.id))) {
            use(one.id, (await storage.blocks.get(cidOf(one.id))).length)
          } else if (one.do === 'restart') {
            await cache.detach()
            cache = createCache(storage, config)
            cache.attach()
          } else if (one.do === 'evict') {
            const freed = await cache.evict(one.bytes)
            const victims = model.filter(([id]) => !storage.blocks.has(cidOf(id)))
            assert.deepEqual(victims, model.slice(0, victims.length), 'the longest unused went')
            assert.ok(freed >= one.bytes || victims.length === model.length, 'enough, or all there was')
            const spared = victims.slice(0, -1).reduce((sum, [, size]) => sum + size, 0)
            assert.ok(spared < one.bytes, 'and not one more')
            model = model.slice(victims.length)
          }
        }
        t.same(
          held(
            storage,
            model.map(([id]) => id),
          ).length,
          model.length,
        )
        await cache.detach()
      },
    ),
    { numRuns: 60 },
  )
})

t.test('the quota is hard: room is made of unpinned blocks, and what cannot fit is refused', async t => {
  const storage = createMemoryStorage({ maxBytes: 4 * MIB })
  const pinned = new Set(ids(3))
  const cache = createCache(storage, { pinned, headroomBytes: 8 * MIB })
  cache.attach()
  for (const id of ids(30)) {
    await put(storage, id, 400_000)
    const { usedBytes, reservedBytes, maxBytes } = storage.blocks.stats()
    t.ok(usedBytes + reservedBytes <= maxBytes)
  }
  t.same(held(storage, pinned), ids(3), 'pinned blocks stay')
  t.ok(storage.blocks.has(cidOf(29)), 'the newest stays')
  t.notOk(storage.blocks.has(cidOf(4)), 'the oldest went')
  t.ok(cache.stats().evictedBlocks > 15)
  t.match(await cache.metricsText(), `skep_cache_evicted_blocks_total ${cache.stats().evictedBlocks}\n`)
  t.same(cache.health(), { status: 'ok' })

  for (const id of ids(30)) pinned.add(id)
  await t.rejects(storage.blocks.reserve(3 * MIB), { code: 'STORAGE_FULL' })
  t.match(await cache.metricsText(), 'skep_cache_shortfalls_total 1\n')
  await cache.detach()
})

t.test('health is degraded while the store is full of pinned content', async t => {
  const storage = createMemoryStorage({ maxBytes: 1 * MIB })
  const pinned = new Set(ids(200))
  const cache = createCache(storage, { pinned, headroomBytes: 8 * MIB })
  cache.attach()
  let stored = 0
  try {
    for (; ; stored++) await put(storage, stored, 10_000)
  } catch (error) {
    t.match(error, { code: 'STORAGE_FULL' })
  }
  t.match(cache.health(), { status: 'degraded', reason: /full of pinned content/ })
  pinned.delete(0)
  cache.onUnpinned()
  await put(storage, stored, 10_000)
  t.same(held(storage, [0, 1, stored]), [1, stored], 'the unpinned block made room')
  t.equal(cache.stats().evictedBlocks, 1)
  await cache.detach()
})

t.test('blocks stored while the cache was off are adopted as the longest unused', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  for (const id of ids(300)) await put(storage, id)
  const cache = createCache(storage, { pinned: new Set([7]) })
  cache.attach()
  for (const id of [400, 401]) await put(storage, id)
  await storage.blocks.get(cidOf(5))

  const stop = new AbortController()
  const adopting = cache.adopt(stop.signal)
  while ((await cache.metricsText()).match(/tracked_blocks (\d+)/)?.[1] !== '301') await setImmediate()
  stop.abort()
  await t.rejects(adopting, { name: 'AbortError' })

  // A slice of small blocks may free a little more than is asked for.
  await cache.evict(290 * DISK_SIZE)
  t.ok(held(storage, ids(300)).length <= 10, 'adopted ones went')
  t.same(held(storage, [5, 7, 400, 401]), [5, 7, 400, 401], 'used and pinned ones stay')
  await cache.detach()
})

t.test('room is found among unknown blocks before anyone is refused', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  for (const id of ids(1000)) await put(storage, id)
  const cache = createCache(storage)
  cache.attach()
  const freed = await cache.evict(900 * DISK_SIZE)
  t.ok(freed >= 900 * DISK_SIZE)
  await cache.detach()
})

t.test('other work gets its turn between slices', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage, { sliceBlocks: 10 })
  cache.attach()
  for (const id of ids(500)) await put(storage, id)
  let turns = 0
  let evicting = true
  const counting = (async () => {
    for (; evicting; turns++) await setImmediate()
  })()
  await cache.evict(500 * DISK_SIZE)
  evicting = false
  await counting
  t.ok(turns >= 40, `${turns} turns`)
  await cache.detach()
})

t.test('a block that is read while room is made is passed over', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage, { sliceBlocks: 2 })
  cache.attach()
  for (const id of ids(20)) await put(storage, id)
  const evicting = cache.evict(10 * DISK_SIZE)
  while (storage.blocks.has(cidOf(0))) await setImmediate()
  await storage.blocks.get(cidOf(7))
  await evicting
  t.ok(storage.blocks.has(cidOf(7)))
  t.notOk(storage.blocks.has(cidOf(8)))
  await cache.evict(64 * MIB)
  t.same(held(storage, ids(20)), [], 'and taken where nothing else is left')
  await cache.detach()
})

t.test('an aborted eviction stops early and says what it freed', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage, { sliceBlocks: 1 })
  cache.attach()
  for (const id of ids(50)) await put(storage, id)
  const stop = new AbortController()
  const evicting = cache.evict(64 * MIB, { signal: stop.signal })
  while (storage.blocks.has(cidOf(0))) await setImmediate()
  stop.abort()
  t.ok((await evicting) > 0)
  t.ok(held(storage, ids(50)).length > 30)
  await cache.detach()
})

t.test('what is remembered is bounded; forgotten blocks go first and none is lost', async t => {
  for (const strategy of STRATEGIES) {
    const storage = createMemoryStorage({ maxBytes: 64 * MIB })
    const cache = createCache(storage, { strategy, maxTrackedBlocks: 50 })
    cache.attach()
    for (const id of ids(400)) await put(storage, id)
    t.match(await cache.metricsText(), 'skep_cache_tracked_blocks 50\n')

    await cache.evict(300 * DISK_SIZE)
    t.equal(held(storage, ids(400)).length, 100)
    t.match(await cache.metricsText(), 'skep_cache_tracked_blocks 50\n', 'none of those that are known went')
    await cache.evict(64 * MIB)
    t.same(held(storage, ids(400)), [], 'all are found in the end')
    await cache.detach()
  }
})

t.test('every strategy makes the room it is asked for, and what is pinned stays', async t => {
  for (const strategy of STRATEGIES) {
    const storage = createMemoryStorage({ maxBytes: 4 * MIB })
    const pinned = new Set([3, 40])
    const cache = createCache(storage, { strategy, pinned, headroomBytes: 8 * MIB })
    cache.attach()
    for (const id of ids(60)) {
      await put(storage, id, 100_000)
      for (const hot of [5, 6]) if (storage.blocks.has(cidOf(hot))) await storage.blocks.get(cidOf(hot))
    }
    t.same(held(storage, [3, 5, 6, 40]), [3, 5, 6, 40], `${strategy}: pinned and hot blocks stay`)
    t.equal(cache.stats().strategy, strategy)
    t.ok(cache.stats().evictedBlocks >= 20)
    await cache.detach()
  }
})

t.test('what one strategy saved the next one goes on with', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  for (const strategy of [...STRATEGIES, ...STRATEGIES.toReversed()]) {
    const cache = createCache(storage, { strategy })
    cache.attach()
    for (const id of ids(20)) await put(storage, id)
    await cache.detach()
  }
  const cache = createCache(storage)
  cache.attach()
  t.match(await cache.metricsText(), 'skep_cache_tracked_blocks 20\n')
  await cache.detach()
})

t.test('a damaged save is passed over: the blocks are found by themselves', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const before = createCache(storage)
  before.attach()
  for (const id of ids(20)) await put(storage, id)
  await before.detach()
  const bucket = storage.bookkeeping.bucket('cache/ranking')
  const chunk = [...bucket.entries()].find(([key]) => key.length === 5)
  await storage.bookkeeping.write(batch => {
    if (chunk) batch.put(bucket, chunk[0], chunk[1].fill(1, 40, 44))
  })
  const cache = createCache(storage)
  cache.attach()
  t.match(await cache.metricsText(), 'skep_cache_tracked_blocks 0\n')
  await cache.evict(64 * MIB)
  t.same(held(storage, ids(20)), [])
  await cache.detach()
})

t.test('only what changed is saved', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage)
  cache.attach()
  await put(storage, 1)
  await cache.detach()
  const saved = (await cache.metricsText()).match(/saved_bytes_total (\d+)/)?.[1]
  t.ok(Number(saved) > 0)
  cache.attach()
  await cache.detach()
  t.equal((await cache.metricsText()).match(/saved_bytes_total (\d+)/)?.[1], saved)
})

t.test('a delete that fails leaves its blocks to be found again', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage)
  cache.attach()
  for (const id of ids(8)) await put(storage, id)
  const stop = new AbortController()
  const adopting = cache.adopt(stop.signal)
  stop.abort()
  await t.rejects(adopting, { name: 'AbortError' }, 'all were looked at')
  const { write } = storage.index
  storage.index.write = async () => {
    throw new Error('the disk failed')
  }
  t.equal(await cache.evict(64 * MIB), 0)
  storage.index.write = write
  t.ok((await cache.evict(64 * MIB)) > 0)
  t.same(held(storage, ids(8)), [])
  await cache.detach()
})

t.test('what earlier versions kept on disk is cleared away', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const buckets = ['cache/recency', 'cache/position'].map(name => storage.index.bucket(name))
  await storage.index.write(batch => {
    for (const bucket of buckets) for (const id of ids(1500)) batch.put(bucket, hashOf(id), hashOf(id))
  })
  await clearOldOrder(storage.index, new AbortController().signal)
  t.same(
    buckets.map(bucket => bucket.size()),
    [0, 0],
  )
})

t.test('blocks of every kind of multihash are found by their fingerprint, short digests too', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const kinds = [
    { code: 0x12, bytes: 32 },
    { code: 0x13, bytes: 64 },
    { code: 0xb220, bytes: 32 },
    { code: 0x1e, bytes: 32 },
    { code: 0x12, bytes: 4 },
  ]
  const cids = kinds.flatMap(({ code, bytes }, kind) =>
    [1, 2].map(id => CID.createV1(raw.code, create(code, new Uint8Array(bytes).fill(10 * kind + id)))),
  )
  const before = createCache(storage)
  before.attach()
  for (const cid of cids) await storage.blocks.put(cid, new Uint8Array(SIZE))
  await before.detach()
  const cache = createCache(storage)
  cache.attach()
  await cache.evict(4 * SIZE)
  t.same(
    cids.map(cid => storage.blocks.has(cid)),
    [false, false, false, false, true, true, true, true, true, true],
    'in order of use, after a restart, too',
  )
  await cache.evict(64 * MIB)
  t.notOk(cids.some(cid => storage.blocks.has(cid)))
  await cache.detach()
})

t.test('a deleted block leaves no place behind', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage)
  cache.attach()
  for (const id of ids(3)) await put(storage, id)
  await storage.blocks.delete([hashOf(0)])
  await cache.evict(1)
  t.same(held(storage, ids(3)), [2])
  t.match(await cache.metricsText(), 'skep_cache_tracked_blocks 1\n')
  await cache.detach()
})

t.test('blocks whose digests begin alike share a place, and pins tell them apart', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage, { isPinned: hash => hash.at(-1) === 2 })
  cache.attach()
  const cids = ids(4).map(id => CID.createV1(raw.code, create(0x12, Buffer.alloc(32).fill(id, 31))))
  for (const cid of cids) await storage.blocks.put(cid, new Uint8Array(SIZE))
  t.match(await cache.metricsText(), 'skep_cache_tracked_blocks 1\n')
  await cache.evict(64 * MIB)
  t.same(
    cids.map(cid => storage.blocks.has(cid)),
    [false, false, true, false],
  )
  await cache.detach()
})

t.test('used again after it was detached twice', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cache = createCache(storage)
  cache.attach()
  await put(storage, 1)
  await cache.detach()
  await cache.detach()
  cache.attach()
  await put(storage, 2)
  await cache.evict(1)
  t.same(held(storage, [1, 2]), [2])
  await cache.detach()
})
