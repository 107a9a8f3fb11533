import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { diskBytesOf } from '../../../core/storage/size-classes.ts'
import type { Storage } from '../../../core/storage/storage.ts'
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
      fc.integer({ min: 1, max: 12 }),
      async (steps, pinnedIds, sliceBlocks, maxUnsavedTouches) => {
        const storage = createMemoryStorage({ maxBytes: 64 * MIB })
        const pinned = new Set(pinnedIds)
        const config = { pinned, sliceBlocks, maxUnsavedTouches, sliceBytes: 6000 }
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
  while ((await cache.metricsText()).match(/tracked_blocks (\d+)/)?.[1] !== '298') await setImmediate()
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

t.test('touches in memory are bounded; forgotten blocks are found again', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  for (const id of ids(40)) await put(storage, id)
  const cache = createCache(storage, { maxUnsavedTouches: 5 })
  cache.attach()
  for (const id of ids(40)) cache.read(hashOf(id))
  const unsaved = Number((await cache.metricsText()).match(/unsaved_touches (\d+)/)?.[1])
  t.ok(unsaved <= 10, `${unsaved} unsaved`)
  t.equal(cache.stats().hits, 40)
  await cache.evict(64 * MIB)
  t.same(held(storage, ids(40)), [])
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
