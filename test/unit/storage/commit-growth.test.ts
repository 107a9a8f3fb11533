import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { CommitGrowth, type TreePages } from '../../../core/storage/commit-growth.ts'
import { LmdbStore } from '../../../core/storage/lmdb.ts'

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
  const treeOf = (name: string): TreePages => trees[name]?.tree() ?? { leaves: 0, branches: 0 }
  const keys: Buffer[] = []
  let closest = Number.POSITIVE_INFINITY
  for (let round = 0; round < 150; round++) {
    const growth = new CommitGrowth<string>()
    const puts = Array.from({ length: randomInt(1, 200) }, () => randomBytes(34))
    const gone = round % 3 === 0 ? keys.splice(0, randomInt(keys.length + 1)) : []
    const before = store.fileBytes
    await store.write(batch => {
      for (const key of puts) {
        const value = randomBytes(randomInt(2) ? randomInt(1900) : randomInt(32_000))
        growth.add('small', 16)
        growth.add('large', value.length)
        batch.put(small, key, Buffer.alloc(16))
        batch.put(large, key, value)
      }
      for (const key of gone) {
        for (const name of ['small', 'large']) growth.add(name, 0)
        batch.delete(small, key)
        batch.delete(large, key)
      }
    })
    keys.push(...puts)
    const grown = store.fileBytes - before
    rooms.push(grown)
    closest = Math.min(closest, growth.bytes(treeOf) - grown)
    if (grown > growth.bytes(treeOf)) t.fail(`it grew by ${grown}, not by ${growth.bytes(treeOf)} at most`)
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
