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
