import { Key } from 'interface-datastore'
import t from 'tap'
import { createDatastore } from '../../../core/storage/datastore.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { runMochaSuite } from './ecosystem-suite.ts'
import { openAt } from './stores.ts'

const { interfaceDatastoreTests } = await import('interface-datastore-tests')

for (const name of ['index', 'bookkeeping'] as const) {
  t.test(`a bucket of the ${name} is an interface-datastore`, async t => {
    const { [name]: store } = await openAt(t, t.testdir())
    const bucket = store.bucket('datastore')
    await runMochaSuite(t, () =>
      interfaceDatastoreTests({
        setup: () => createDatastore(store, 'datastore'),
        teardown: () =>
          store.write(batch => {
            for (const key of bucket.keys()) batch.delete(bucket, key)
          }),
      }),
    )
  })
}

t.test('prefixes', async t => {
  const { index } = createMemoryStorage({ maxBytes: 0 })
  const store = createDatastore(index, 'datastore')
  for (const name of ['/a', '/a/b', '/a/\u{10ffff}', '/ab', '/b'])
    await store.put(new Key(name), Buffer.of(1))
  const found = async (prefix: string): Promise<string[]> => {
    const names: string[] = []
    for await (const key of store.queryKeys({ prefix })) names.push(key.toString())
    return names
  }
  t.same(await found('/a'), ['/a', '/a/b', '/a/\u{10ffff}', '/ab'])
  t.same(await found('/a/'), ['/a/b', '/a/\u{10ffff}'])
  t.same(await found('/c'), [])
})

t.test('a batch is one transaction', async t => {
  const { index } = createMemoryStorage({ maxBytes: 0 })
  const store = createDatastore(index, 'datastore')
  await store.put(new Key('/gone'), Buffer.of(1))
  const batch = store.batch()
  batch.put(new Key('/a'), Buffer.of(1))
  batch.delete(new Key('/gone'))
  batch.put(new Key(`/${'x'.repeat(3000)}`), Buffer.of(1))
  await t.rejects(Promise.resolve(batch.commit()), { code: 'KEY_INVALID' })
  t.notOk(await store.has(new Key('/a')))
  t.ok(await store.has(new Key('/gone')))
})
