import t from 'tap'
import { bucketConflict, tableOf } from '../../../core/storage/buckets.ts'

t.test('names on disk are ids, which are used once', async t => {
  t.equal(bucketConflict(), undefined)
  const buckets = { a: { id: 1, environment: 'index' }, b: { id: 2, environment: 'vault' } } as const
  t.equal(bucketConflict(buckets, [3]), undefined)
  t.match(bucketConflict(buckets, [2]), /'b' has id 2 of a retired bucket/)
  t.match(bucketConflict({ ...buckets, c: { id: 1, environment: 'index' } }, []), /'c' has id 1 of 'a'/)
})

t.test('ids are part of the format', async t => {
  const ids = {
    index: {
      meta: 1,
      blocks: 2,
      'inline-blocks': 3,
      segments: 4,
      datastore: 5,
      'pin-counts': 6,
      'pin-links': 7,
      'pin-queue': 8,
      'pin-roots': 9,
      quarantine: 10,
      'kept-ports': 11,
      wear: 12,
      'pin-damaged': 13,
    },
    vault: { 'vault-meta': 32, pins: 33 },
  } as const
  for (const [name, id] of Object.entries(ids.index)) t.equal(tableOf(name, 'index'), `#${id}`)
  for (const [name, id] of Object.entries(ids.vault)) t.equal(tableOf(name, 'vault'), `#${id}`)
})

t.test('a plugin names its own', async t => {
  t.equal(tableOf('cache/order', 'index'), 'cache/order')
  t.equal(tableOf('cache/order', 'vault'), 'cache/order')
  for (const name of [
    'cache',
    'Cache/order',
    'cache/',
    '/order',
    'a/b/c',
    '#1',
    'constructor',
    '__proto__',
  ]) {
    t.throws(() => tableOf(name, 'index'), { code: 'BUCKET_UNKNOWN' }, name)
  }
})
