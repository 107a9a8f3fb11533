import { existsSync } from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { LmdbStore } from '../../../core/storage/lmdb.ts'
import {
  FORMAT_VERSIONS,
  formatOf,
  MIGRATIONS,
  type Migration,
  migrate,
} from '../../../core/storage/migrations.ts'
import { FIXTURE_BLOCKS } from '../../fixtures/storage/make.ts'
import { MIB, openAt } from './stores.ts'

const FIXTURES = new URL('../../fixtures/storage/', import.meta.url).pathname

for (let version = 1; version <= Math.max(...Object.values(FORMAT_VERSIONS)); version++) {
  t.test(`a store of format ${version} opens`, async t => {
    const fixture = join(FIXTURES, `v${version}`)
    t.ok(existsSync(fixture), 'each format keeps a fixture')
    const directory = join(t.testdir(), 'store')
    await cp(fixture, directory, { recursive: true })
    const { blocks, index, vault } = await openAt(t, directory)
    for (const { cid, bytes } of FIXTURE_BLOCKS) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
    t.match(blocks.stats(), { blocks: 2, blockBytes: 36864 + 266 })
    t.same(index.bucket('demo/things').get(Buffer.from('key')), new Uint8Array(Buffer.from('value')))
    t.same(vault.bucket('pins').get(Buffer.from('key')), new Uint8Array(Buffer.from('value')))
    t.equal(formatOf(index, 'index'), FORMAT_VERSIONS.index)
    t.equal(formatOf(vault, 'vault'), FORMAT_VERSIONS.vault)
  })
}

t.test('each format but the first has a migration that leads to it', async t => {
  for (const environment of ['index', 'vault'] as const) {
    t.same(
      MIGRATIONS[environment].map(({ to }) => to),
      Array.from({ length: FORMAT_VERSIONS[environment] - 1 }, (_, i) => i + 2),
    )
  }
})

/** An environment at format 1 with ten numbers, and a migration that doubles them, three to a slice. */
async function numbers(directory: string): Promise<{ store: LmdbStore; sum(): number; double: Migration }> {
  await mkdir(directory, { recursive: true })
  const store = new LmdbStore(
    { directory, environment: 'index', mapBytes: MIB },
    { onFatal: () => undefined },
  )
  const bucket = store.bucket('demo/numbers')
  if (formatOf(store, 'index') === undefined) {
    await migrate(store, 'index', silentLogger, 1, [])
    await store.write(batch => {
      for (let i = 1; i <= 10; i++) batch.put(bucket, Buffer.of(i), Buffer.of(i))
    })
  }
  const double: Migration = {
    to: 2,
    name: 'numbers are doubled',
    slice(_, batch, from) {
      const slice = [...bucket.entries({ ...(from && { from }), limit: 4 })]
      const next = slice.length === 4 ? slice.pop()?.[0] : undefined
      for (const [key, value] of slice) batch.put(bucket, key, Buffer.of((value[0] ?? 0) * 2))
      return next
    },
  }
  const sum = (): number => [...bucket.entries()].reduce((sum, [, value]) => sum + (value[0] ?? 0), 0)
  return { store, sum, double }
}

t.test('migrations run in order, once', async t => {
  const { store, sum, double } = await numbers(t.testdir())
  t.teardown(() => store.close())
  const order: number[] = []
  const third: Migration = { to: 3, name: 'nothing', slice: () => void order.push(3) }
  const second: Migration = {
    ...double,
    slice(...slice) {
      order.push(2)
      return double.slice(...slice)
    },
  }
  await migrate(store, 'index', silentLogger, 3, [third, second])
  t.same(order, [2, 2, 2, 2, 3])
  t.equal(sum(), 110)
  t.equal(formatOf(store, 'index'), 3)
  await migrate(store, 'index', silentLogger, 3, [third, second])
  t.equal(sum(), 110)
})

t.test('a migration that is cut short goes on where it was', async t => {
  const directory = t.testdir()
  const first = await numbers(directory)
  let slices = 0
  const failing: Migration = {
    ...first.double,
    slice(...slice) {
      if (++slices === 3) throw new Error('power loss')
      return first.double.slice(...slice)
    },
  }
  await t.rejects(migrate(first.store, 'index', silentLogger, 2, [failing]), /power loss/)
  t.equal(formatOf(first.store, 'index'), 1)
  t.equal(first.sum(), 55 + 21, 'two slices are done')
  await first.store.close()

  const { store, sum, double } = await numbers(directory)
  t.teardown(() => store.close())
  await migrate(store, 'index', silentLogger, 2, [double])
  t.equal(sum(), 110, 'each number is doubled once')
  t.equal(formatOf(store, 'index'), 2)
})

t.test('what this program can not read', async t => {
  const directory = t.testdir()
  const { store, close } = await openAt(t, directory).then(storage => ({ store: storage.index, ...storage }))
  const version = Buffer.alloc(4)
  version.writeUInt32BE(FORMAT_VERSIONS.index + 1)
  await store.write(batch => batch.put(store.bucket('meta'), Buffer.from('format'), version))
  await close()
  await t.rejects(openAt(t, directory), {
    code: 'STORAGE_TOO_NEW',
    message: `the index has format ${FORMAT_VERSIONS.index + 1}; this program knows formats up to ${FORMAT_VERSIONS.index}`,
  })
  const old = await numbers(join(directory, 'old'))
  t.teardown(() => old.store.close())
  await t.rejects(migrate(old.store, 'index', silentLogger, 3, [old.double]), { code: 'STORAGE_UNREADABLE' })
})
