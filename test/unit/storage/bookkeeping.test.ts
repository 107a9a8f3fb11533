import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { Bookkeeping } from '../../../core/storage/bookkeeping.ts'
import { LmdbStore } from '../../../core/storage/lmdb.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import type { Bucket } from '../../../core/storage/storage.ts'
import { compare, same } from '../../conformance/bytes.ts'
import { eventually } from '../../helpers/eventually.ts'
import { KIB, MIB, openAt } from './stores.ts'

const HOUR_MS = 3_600_000

function openStore(t: Test, { directory = t.testdir(), mapBytes = 16 * MIB } = {}): LmdbStore {
  const store = new LmdbStore(
    { directory, environment: 'index', mapBytes },
    { onFatal: error => t.fail(error) },
  )
  t.teardown(() => store.close())
  return store
}

function openBooks(t: Test, store: LmdbStore, { periodMs = HOUR_MS } = {}): Bookkeeping {
  const books = new Bookkeeping({ periodMs }, { store, log: silentLogger })
  t.teardown(() => books.close())
  return books
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const put = (books: Bookkeeping, bucket: Bucket, key: string, value: string | Uint8Array): Promise<void> =>
  books.write(batch => batch.put(bucket, bytes(key), Buffer.from(value)))

t.test('a thousand changes to several buckets are one transaction, the last value of each key', async t => {
  const store = openStore(t)
  const books = openBooks(t, store)
  const [peers, volume] = [books.bucket('demo/peers'), books.bucket('demo/volume')]
  const before = store.lastTransaction
  for (let i = 0; i < 1000; i++) {
    await put(books, peers, `peer ${i % 10}`, `seen ${i}`)
    await put(books, volume, 'month', String(i))
  }
  t.equal(store.lastTransaction, before, 'nothing is written meanwhile')
  t.same(peers.get(bytes('peer 9')), bytes('seen 999'), 'what is unsaved can be read')
  t.equal(store.bucket('demo/peers').size(), 0)

  await books.save()
  t.equal(store.lastTransaction, before + 1)
  t.equal(store.bucket('demo/peers').size(), 10)
  t.same(store.bucket('demo/peers').get(bytes('peer 9')), bytes('seen 999'))
  t.same(store.bucket('demo/volume').get(bytes('month')), bytes('999'))
  await books.save()
  t.equal(store.lastTransaction, before + 1, 'where nothing has changed nothing is written')
})

t.test('after a period it saves by itself', async t => {
  const store = openStore(t)
  const books = openBooks(t, store, { periodMs: 20 })
  const bucket = books.bucket('demo/things')
  const before = store.lastTransaction
  // Its timer alone keeps no process alive.
  await Promise.all([put(books, bucket, 'a', '1'), put(books, bucket, 'b', '2')])
  await eventually('the batch', () => store.bucket('demo/things').get(bytes('b')))
  t.equal(store.lastTransaction, before + 1)
  await put(books, bucket, 'a', '3')
  await eventually('the next batch', () =>
    Buffer.from(store.bucket('demo/things').get(bytes('a')) ?? []).toString() === '3' ? true : undefined,
  )
  t.equal(store.lastTransaction, before + 2)
})

t.test('a kill loses what is unsaved, no more', async t => {
  const directory = t.testdir()
  const script = new URL('keep-books.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')

  const bucket = openStore(t, { directory }).bucket('demo/books')
  t.same(bucket.get(bytes('early')), bytes('saved'))
  t.same(bucket.get(bytes('kept')), bytes('old'))
  t.notOk(bucket.has(bytes('late')))
})

t.test('a stop saves all of it, the next start reads it', async t => {
  const directory = t.testdir()
  const before = await openAt(t, directory)
  const bucket = before.bookkeeping.bucket('demo/things')
  await before.bookkeeping.write(batch => batch.put(bucket, bytes('a'), bytes('1')))
  await before.close()
  await t.rejects(
    before.bookkeeping.write(() => undefined),
    { code: 'STORAGE_CLOSED' },
  )

  const after = await openAt(t, directory)
  t.same(after.bookkeeping.bucket('demo/things').get(bytes('a')), bytes('1'))
  t.same(after.index.bucket('demo/things').get(bytes('a')), bytes('1'), 'it lies in the index')
})

t.test('what comes while a batch is on its way waits for the next', async t => {
  const store = openStore(t)
  const books = openBooks(t, store)
  const bucket = books.bucket('demo/things')
  await put(books, bucket, 'a', 'first')
  const saving = books.save()
  await put(books, bucket, 'a', 'second')
  await saving
  t.same(store.bucket('demo/things').get(bytes('a')), bytes('first'))
  t.same(bucket.get(bytes('a')), bytes('second'))
  await books.save()
  t.same(store.bucket('demo/things').get(bytes('a')), bytes('second'))
})

t.test('a store without room: nothing is lost, and memory stays bounded', async t => {
  const store = openStore(t, { mapBytes: 256 * KIB })
  const filler = store.bucket('demo/filler')
  for (let i = 0; ; i++) {
    const isFull = await store
      .write(batch => batch.put(filler, bytes(`${i}`), new Uint8Array(3000)))
      .then(
        () => false,
        () => true,
      )
    if (isFull) break
  }
  const books = openBooks(t, store)
  const bucket = books.bucket('demo/things')
  await put(books, bucket, 'a', new Uint8Array(3000).fill(1))
  await t.rejects(books.save(), { code: 'STORAGE_FULL' })
  t.equal(bucket.get(bytes('a'))?.length, 3000, 'it is still there')

  const big = new Uint8Array(MIB)
  await put(books, bucket, 'big', big)
  await put(books, bucket, 'bigger', big)
  await t.rejects(put(books, bucket, 'c', 'one too many'), { code: 'STORAGE_FULL' })
  t.notOk(bucket.has(bytes('c')))

  await store.write(batch => {
    for (const key of filler.keys()) batch.delete(filler, key)
  })
  await t.rejects(books.save(), { code: 'STORAGE_FULL' }, 'two of a MiB do not fit')
  const shrunk = new MemoryStore('index')
  const other = new Bookkeeping({ periodMs: HOUR_MS }, { store: shrunk, log: silentLogger })
  const things = other.bucket('demo/things')
  await put(other, things, 'big', big)
  await put(other, things, 'bigger', big)
  await put(other, things, 'c', 'fits')
  t.equal(shrunk.bucket('demo/things').size(), 2, 'beyond the bound it saves before it takes more')
  await other.close()
  t.equal(shrunk.bucket('demo/things').size(), 3)
})

t.test('a change that can never be saved is refused, and spoils no batch', async t => {
  const store = openStore(t)
  const books = openBooks(t, store)
  const bucket = books.bucket('demo/things')
  await put(books, bucket, 'a', '1')
  await t.rejects(put(books, bucket, '', '2'), { code: 'KEY_INVALID' })
  await t.rejects(
    books.write(batch => batch.put(store.bucket('demo/things'), bytes('b'), bytes('2'))),
    /of another store/,
  )
  await books.save()
  t.same([...store.bucket('demo/things').keys()], [bytes('a')])
})

t.test('whatever is saved when, it reads like a map', async t => {
  const key = fc.integer({ min: 0, max: 12 })
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), key, value: fc.nat(255) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), key, value: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('throw'), key, value: fc.nat(255) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('save'), key, value: fc.constant(0) }) },
  )
  const bound = fc.option(key, { nil: undefined })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      bound,
      bound,
      fc.boolean(),
      fc.option(fc.nat(14), { nil: undefined }),
      async (steps, from, to, reverse, limit) => {
        const store = new MemoryStore('index')
        const books = new Bookkeeping({ periodMs: HOUR_MS }, { store, log: silentLogger })
        const bucket = books.bucket('demo/things')
        const model = new Map<number, number>()
        for (const { kind, key, value } of steps) {
          if (kind === 'save') await books.save()
          else
            await books
              .write(batch => {
                if (kind === 'delete') batch.delete(bucket, Buffer.of(key))
                else batch.put(bucket, Buffer.of(key), Buffer.of(value))
                if (kind === 'throw') throw new Error('changed my mind')
              })
              .catch(() => {})
          if (kind === 'put') model.set(key, value)
          if (kind === 'delete') model.delete(key)
        }
        const expected = [...model]
          .map(([key, value]) => [Uint8Array.of(key), Uint8Array.of(value)] as const)
          .filter(([[key = 0]]) => key >= (from ?? 0) && key < (to ?? 256))
          .sort(([a], [b]) => (reverse ? compare(b, a) : compare(a, b)))
          .slice(0, limit)
        const range = {
          from: from === undefined ? undefined : Buffer.of(from),
          to: to === undefined ? undefined : Buffer.of(to),
          reverse,
          limit,
        }
        const found = [...bucket.entries(range)]
        same(
          found.map(([key]) => key),
          expected.map(([key]) => key),
        )
        same(
          found.map(([, value]) => value),
          expected.map(([, value]) => value),
        )
        if (bucket.size() !== model.size) throw new Error(`size ${bucket.size()} of ${model.size}`)
        for (const [key, value] of model)
          same([bucket.get(Buffer.of(key)) ?? new Uint8Array()], [Buffer.of(value)])
        await books.close()
        if (store.bucket('demo/things').size() !== model.size) throw new Error('not all was saved')
      },
    ),
    { numRuns: 200 },
  )
  t.pass('every history does')
})
