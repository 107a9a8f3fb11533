import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { LmdbStore } from '../../../core/storage/lmdb.ts'
import { PageDamage } from '../../../core/storage/lmdb-file/layout.ts'
import { scanLeaves } from '../../../core/storage/lmdb-file/scan.ts'
import { walkLmdbFile } from '../../../core/storage/lmdb-file/walk.ts'
import { MIB } from './stores.ts'

const PAGE_BYTES = 4096

interface Filled {
  readonly store: LmdbStore
  readonly file: string
  /** Of the table `demo/things`, by key. */
  readonly expected: Map<string, Buffer>
}

/** An environment that has all there is: several levels, long keys, values of many pages, pages freed and used again. */
async function filled(t: Test, entries = 3000): Promise<Filled> {
  const directory = join(t.testdir(), 'env')
  await mkdir(directory)
  const store = new LmdbStore(
    { directory, environment: 'index', mapBytes: 256 * MIB },
    { onFatal: error => t.error(error) },
  )
  t.teardown(() => store.close())
  const expected = new Map<string, Buffer>()
  const bucket = store.bucket('demo/things')
  for (let round = 0; round < 6; round++) {
    await store.write(batch => {
      for (let i = 0; i < entries / 5; i++) {
        const key = randomBytes(i % 50 === 0 ? 1500 : 1 + (i % 40) + 7)
        const value = randomBytes(i % 20 === 0 ? 10_000 : i % 90)
        batch.put(bucket, key, value)
        expected.set(key.toString('hex'), value)
      }
    })
    const gone = [...expected.keys()].filter((_, i) => i % 6 === round).slice(0, entries / 30)
    await store.write(batch => {
      for (const key of gone) batch.delete(bucket, Buffer.from(key, 'hex'))
    })
    for (const key of gone) expected.delete(key)
  }
  return { store, file: join(directory, 'data.mdb'), expected }
}

async function walked(file: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  await walkLmdbFile(file, {
    readsValues: true,
    onEntries(table, entries) {
      if (table !== 'demo/things') return
      for (const { key, value } of entries) found.set(key.toString('hex'), Buffer.from(value ?? []))
    },
  })
  return found
}

t.test('a walk finds what LMDB has, while it is in use and after', async t => {
  const { store, file, expected } = await filled(t)
  const compare = async (path: string): Promise<void> => {
    const found = await walked(path)
    t.equal(found.size, expected.size)
    for (const [key, value] of expected) if (!found.get(key)?.equals(value)) t.fail(`the value of ${key}`)
  }
  await compare(file)
  t.equal((await walkLmdbFile(file)).transaction, store.lastTransaction)
  const copy = join(file, '..', '..', 'copy')
  await mkdir(copy, { recursive: true })
  await store.copyTo(copy)
  await compare(join(copy, 'data.mdb'))
  await store.close()
  await compare(file)
})

t.test('a walk ends when it is told to', async t => {
  const { file } = await filled(t, 300)
  await t.rejects(walkLmdbFile(file, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
})

t.test('a check of a store that is written to meanwhile finds nothing', async t => {
  const { store, file } = await filled(t, 300)
  const bucket = store.bucket('demo/others')
  let isOver = false
  const writing = (async () => {
    while (!isOver) await store.write(batch => batch.put(bucket, randomBytes(20), randomBytes(3000)))
  })()
  for (let i = 0; i < 30; i++) {
    const problem = await store.checkLive(() =>
      walkLmdbFile(file).then(
        () => undefined,
        error => String(error),
      ),
    )
    t.equal(problem, undefined)
  }
  isOver = true
  await writing
})

t.test('each part of a page that LMDB believes is looked at', async t => {
  const { store, file } = await filled(t)
  await store.close()
  const whole = await readFile(file)
  const damaged = join(file, '..', 'damaged.mdb')
  const kindAt = (page: number): number => whole.readUInt16LE(page * PAGE_BYTES + 18)
  const inUse = new Set<number>()
  const pages = Array.from({ length: whole.length / PAGE_BYTES }, (_, page) => page)
  /** Pages in use are those whose number is looked at. */
  const isFound = async (at: number, bit = 1): Promise<boolean> => {
    await copyFile(file, damaged)
    const handle = await open(damaged, 'r+')
    await handle.write(Buffer.of((whole[at] ?? 0) ^ bit), 0, 1, at)
    await handle.close()
    return walkLmdbFile(damaged).then(
      () => false,
      error => {
        if (!(error instanceof PageDamage)) throw error
        return true
      },
    )
  }
  for (const page of pages.filter(page => page > 1 && page % 7 === 0))
    if (await isFound(page * PAGE_BYTES)) inUse.add(page)
  t.ok(inUse.size > 10)
  for (const kind of [1, 2, 4]) {
    const page = [...inUse].find(number => kindAt(number) === kind)
    if (page === undefined) continue
    const [number, transaction, flags, bounds] = [0, 13, 18, 20]
    for (const field of [number, transaction, flags, bounds])
      t.ok(await isFound(page * PAGE_BYTES + field), `byte ${field} of a page of kind ${kind}`)
  }
  for (const page of [0, 1]) {
    // What the one before the last says of its trees is of no use to anybody.
    const isLast =
      whole.readUInt32LE(page * PAGE_BYTES + 152) >= whole.readUInt32LE((1 - page) * PAGE_BYTES + 152)
    for (const field of [0, 18, 24, 28, 48, 53, 153, ...(isLast ? [54, 102, 136, 145] : [])])
      t.ok(await isFound(page * PAGE_BYTES + field, 2), `byte ${field} of meta page ${page}`)
  }
})

t.test('whatever is turned, a walk ends, and says damage or all that there is', async t => {
  const { store, file, expected } = await filled(t, 300)
  await store.close()
  const whole = await readFile(file)
  const damaged = join(file, '..', 'turned.mdb')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: whole.length * 8 - 1 }), { minLength: 1, maxLength: 40 }),
      async bits => {
        const bytes = Buffer.from(whole)
        for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const handle = await open(damaged, 'w')
        await handle.write(bytes)
        await handle.close()
        const outcome = await walked(damaged).catch(error => error)
        if (outcome instanceof Map) return outcome.size === expected.size
        let salvaged = 0
        await walkLmdbFile(damaged, {
          readsValues: true,
          onDamage() {},
          onEntries(_, entries) {
            salvaged += entries.length
          },
        }).catch(error => {
          if (!(error instanceof PageDamage)) throw error
        })
        await scanLeaves(damaged, { onEntries: async () => {} })
        return outcome instanceof PageDamage && salvaged <= expected.size + 10
      },
    ),
    { numRuns: 60 },
  )
})
