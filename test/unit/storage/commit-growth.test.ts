import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { CommitGrowth, type TreePages } from '../../../core/storage/commit-growth.ts'
import { LmdbStore } from '../../../core/storage/lmdb.ts'
import { LMDB_PAGE_BYTES } from '../../../core/storage/lmdb-file.ts'
import type { Bucket } from '../../../core/storage/storage.ts'

t.test('no commit makes the file longer than it was said to', async t => {
  const rooms: number[] = []
  let roomBytes = Number.POSITIVE_INFINITY
  const store = new LmdbStore(
    { directory: t.testdir(), environment: 'index', mapBytes: 2 ** 30 },
    { onFatal: error => t.error(error), growthRoomBytes: () => roomBytes },
  )
  t.teardown(() => store.close())
  const [small, large] = [store.bucket('demo/small'), store.bucket('demo/large')]
  const trees = { small, large } as unknown as Record<string, { tree(): TreePages }>
  const treeOf = (name: string): TreePages =>
    trees[name]?.tree() ?? { depth: 0, leaves: 0, branches: 0, overflow: 0 }
  const keys: Buffer[] = []
  let closest = Number.POSITIVE_INFINITY
  for (let round = 0; round < 150; round++) {
    const growth = new CommitGrowth<string>(treeOf, (store.fileBytes - store.liveBytes) / LMDB_PAGE_BYTES)
    const puts = Array.from({ length: randomInt(1, 200) }, () => randomBytes(34))
    // Now and then nearly all go at once: what is copied then was in the tree before, not after.
    const goneCount = round % 10 === 9 ? keys.length : round % 3 === 0 ? randomInt(keys.length + 1) : 0
    const gone = keys.splice(0, goneCount)
    const before = store.fileBytes
    await store.write(batch => {
      for (const key of puts) {
        const value = randomBytes(randomInt(2) ? randomInt(1900) : randomInt(32_000))
        growth.put('small', 16)
        growth.put('large', value.length)
        batch.put(small, key, Buffer.alloc(16))
        batch.put(large, key, value)
      }
      for (const key of gone) {
        for (const name of ['small', 'large']) growth.delete(name)
        batch.delete(small, key)
        batch.delete(large, key)
      }
    })
    keys.push(...puts)
    const grown = store.fileBytes - before
    rooms.push(grown)
    closest = Math.min(closest, growth.bytes - grown)
    if (grown > growth.bytes) {
      const counts = `${puts.length} puts, ${gone.length} deletes`
      t.fail(`round ${round}, ${counts}: it grew by ${grown}, not by ${growth.bytes} at most`)
    }
  }
  t.ok(closest >= 0, `${closest} bytes at least were left`)
  t.ok(rooms.some(grown => grown > 0))
  t.ok(store.liveBytes <= store.fileBytes)
  t.equal(store.liveBytes, store.usedBytes)

  roomBytes = 0
  const { fileBytes } = store
  const big = (): Promise<void> =>
    store.write(batch => batch.put(large, randomBytes(34), randomBytes(10 * 2 ** 20)))
  await t.rejects(big(), { code: 'STORAGE_FULL' })
  t.equal(store.fileBytes, fileBytes)
  await Promise.all(
    keys.slice(0, 50).map(key =>
      store.write(batch => {
        for (const table of [small, large]) batch.delete(table, key)
      }),
    ),
  )
  roomBytes = Number.POSITIVE_INFINITY
  await big()
})

t.test('a delete of nearly all copies the tree that was there, not the one that is left', async t => {
  const store = new LmdbStore(
    { directory: t.testdir(), environment: 'index', mapBytes: 2 ** 30 },
    { onFatal: error => t.error(error) },
  )
  t.teardown(() => store.close())
  const things = store.bucket('demo/things') as Bucket & { tree(): TreePages }
  const keys = Array.from({ length: 2000 }, () => randomBytes(34))
  await store.write(batch => {
    for (const key of keys) batch.put(things, key, randomBytes(1000))
  })
  const { leaves } = things.tree()
  const { fileBytes } = store
  const growth = new CommitGrowth<string>(
    () => things.tree(),
    (fileBytes - store.liveBytes) / LMDB_PAGE_BYTES,
  )
  await store.write(batch => {
    for (const key of keys.slice(1)) {
      growth.delete('things')
      batch.delete(things, key)
    }
  })
  const grownBytes = store.fileBytes - fileBytes
  t.equal(things.tree().leaves, 1)
  t.ok(grownBytes > (leaves / 2) * LMDB_PAGE_BYTES, `${grownBytes} for ${leaves} leaves`)
  t.ok(grownBytes <= growth.bytes, `it grew by ${grownBytes}, not by ${growth.bytes} at most`)
})

t.test('a check that keeps pages from deletes is over where these have no other room', async t => {
  let roomBytes = Number.POSITIVE_INFINITY
  const store = new LmdbStore(
    { directory: t.testdir(), environment: 'index', mapBytes: 2 ** 30 },
    { onFatal: error => t.error(error), growthRoomBytes: () => roomBytes },
  )
  t.teardown(() => store.close())
  const things = store.bucket('demo/things')
  const keys = Array.from({ length: 200 }, () => randomBytes(34))
  const fill = (): Promise<void> =>
    store.write(batch => {
      for (const key of keys) batch.put(things, key, randomBytes(32_000))
    })
  const remove = (): Promise<void> =>
    store.write(batch => {
      for (const key of keys) batch.delete(things, key)
    })
  await fill()
  const { promise, resolve } = Promise.withResolvers<string>()
  const check = store.checkLive(() => promise)
  await remove()
  // Many pages are free, but none that a commit can use: that must not pass for room.
  roomBytes = 0
  await t.rejects(
    store.write(batch => batch.put(things, randomBytes(34), randomBytes(32_000))),
    { code: 'STORAGE_FULL' },
  )
  await remove()
  resolve('what was looked at is no longer there')
  t.equal(await check, undefined)
  roomBytes = Number.POSITIVE_INFINITY
  for (let commit = 0; commit < 2; commit++)
    await store.write(batch => batch.put(things, randomBytes(34), randomBytes(16)))
  const { fileBytes } = store
  roomBytes = 0
  await store.write(batch => batch.put(things, randomBytes(34), randomBytes(32_000)))
  t.equal(store.fileBytes, fileBytes)

  roomBytes = Number.POSITIVE_INFINITY
  t.equal(await store.checkLive(() => Promise.resolve('bad')), 'bad')
})
