import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { LmdbStore } from '../../../core/storage/lmdb.ts'

t.test('a closed environment says so, whatever is asked of it', async t => {
  const store = new LmdbStore(
    { directory: t.testdir(), environment: 'index', mapBytes: 1024 * 1024 },
    { onFatal: () => t.fail('fatal') },
  )
  const meta = store.bucket('meta')
  await store.write(batch => batch.put(meta, Buffer.from('a'), Buffer.from('1')))
  t.ok(store.lastTransaction > 0)
  t.ok(store.roomBytes(0) > 0)
  await store.close()
  const closed = { code: 'STORAGE_CLOSED' }
  t.throws(() => store.lastTransaction, closed)
  t.throws(() => store.roomBytes(0), closed)
  t.throws(() => store.bucket('meta'), closed)
  t.throws(() => store.table('demo/new'), closed)
  await t.rejects(store.copyTo('/nowhere'), closed)
})

t.test('a store that is read leaves nothing to write back', async t => {
  const directory = t.testdir({ 'lock.mdb': t.fixture('symlink', '/proc/self/fd/0') })
  const open = (): LmdbStore =>
    new LmdbStore(
      { directory, environment: 'index', mapBytes: 1024 * 1024 },
      { onFatal: () => t.fail('fatal') },
    )
  for (const round of [1, 2]) {
    const store = open()
    const things = store.bucket('demo/things')
    await store.write(batch => batch.put(things, Buffer.from('round'), Buffer.of(round)))
    t.same(readdirSync(directory), ['data.mdb'], 'its lock is in memory, whatever a crash left of it')
    const maps = readFileSync('/proc/self/maps', 'utf8')
    t.match(maps, /\/dev\/shm\/skep-\S+ \(deleted\)/, 'under no name')
    t.equal(things.get(Buffer.from('round'))?.[0], round)
    await store.close()
  }
})

t.test('small records that are read take no memory outside of the heap', async t => {
  const store = new LmdbStore(
    { directory: t.testdir(), environment: 'index', mapBytes: 16 * 1024 * 1024 },
    { onFatal: () => t.fail('fatal') },
  )
  t.teardown(() => store.close())
  const records = 20_000
  const things = store.bucket('demo/things')
  const keys = Array.from({ length: records }, (_, n) => Buffer.from(n.toString().padStart(34, '0')))
  await store.write(batch => {
    for (const key of keys) batch.put(things, key, Buffer.alloc(16))
  })
  const outside = (): number => process.memoryUsage().arrayBuffers
  const before = outside()
  const read = [...things.entries()].concat(keys.map(key => [key, things.get(key) ?? key]))
  const grownBytes = outside() - before
  t.equal(read.length, 2 * records)
  t.ok(grownBytes < records, `${grownBytes} bytes outside for ${records} records of 50`)
})
