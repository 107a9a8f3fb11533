import { existsSync } from 'node:fs'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isBlockOf } from '../../../core/storage/block-hash.ts'
import type { Bucket, Storage } from '../../../core/storage/storage.ts'
import { block } from '../../conformance/block-store.ts'
import { KIB, openAt } from './stores.ts'

type Held = ReturnType<typeof block>

interface Scene {
  readonly storage: Storage
  readonly directory: string
  readonly small: Held
  readonly large: Held
  readonly entries: Bucket
  readonly bytes: Bucket
  readonly told: Uint8Array[]
}

/** A store of blocks, of which a test damages the index as a bit of the card would: past everything but LMDB. */
async function scene(t: Test): Promise<Scene> {
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  const [small, large] = [block(20 * KIB), block(100 * KIB)]
  for (const { cid, bytes } of [small, large, block(10), block(100 * KIB)])
    await storage.blocks.put(cid, bytes)
  const told: Uint8Array[] = []
  storage.blocks.onDamaged(hash => told.push(hash))
  const [entries, bytes] = [storage.index.bucket('blocks'), storage.index.bucket('inline-blocks')]
  return { storage, directory, small, large, entries, bytes, told }
}

function turned(bytes: Uint8Array, at: number, bit = 1): Uint8Array {
  const copy = new Uint8Array(bytes)
  copy[at] = (copy[at] ?? 0) ^ bit
  return copy
}

async function rekey({ index }: Storage, bucket: Bucket, from: Uint8Array, to: Uint8Array): Promise<void> {
  const value = bucket.get(from)
  if (!value) throw new Error('an entry')
  await index.write(batch => {
    batch.delete(bucket, from)
    batch.put(bucket, to, new Uint8Array(value))
  })
}

/** Looks at each block as the scrub does. */
async function scrub({ blocks }: Storage): Promise<void> {
  for (const { hash } of blocks.list()) await blocks.inspect(hash, isBlockOf).catch(() => {})
}

async function isWhole({ storage }: Scene, { cid, bytes }: Held): Promise<boolean> {
  return storage.blocks.has(cid) && Buffer.compare(await storage.blocks.get(cid), bytes) === 0
}

t.test('any one bit of an entry is mended from what the slot says', async t => {
  const at = await scene(t)
  const { storage, entries } = at
  for (const held of [at.large, at.small]) {
    const hash = held.cid.multihash.bytes
    const good = new Uint8Array(entries.get(hash) ?? [])
    for (let bit = 0; bit < good.length * 8; bit++) {
      await storage.index.write(batch => batch.put(entries, hash, turned(good, bit >> 3, 1 << (bit & 7))))
      await scrub(storage)
      if (!(await isWhole(at, held))) t.fail(`bit ${bit} of an entry`)
    }
    t.same(Buffer.from(entries.get(hash) ?? []), Buffer.from(good))
  }
  t.same(at.told, [], 'no block was damaged')
  t.equal(storage.blocks.stats().blocks, 4)
  await storage.checkTables()
})

t.test('a key that lost a bit gets it back', async t => {
  const at = await scene(t)
  const { storage, entries, bytes } = at
  for (const byte of [0, 1, 5, 33]) {
    for (const [held, bucket] of [
      [at.large, entries],
      [at.small, entries],
      [at.small, bytes],
    ] as const) {
      const hash = held.cid.multihash.bytes
      await rekey(storage, bucket, hash, turned(hash, byte, 4))
      await scrub(storage)
      t.ok(await isWhole(at, held), `byte ${byte} of a key`)
    }
  }
  t.equal(storage.blocks.stats().blocks, 4)
  await storage.checkTables()
})

t.test('an entry that leads nowhere is taken out, and told of', async t => {
  const at = await scene(t)
  const { storage, entries } = at
  const other = entries.get(at.large.cid.multihash.bytes)
  const nothing = block(100 * KIB).cid
  await storage.index.write(batch => batch.put(entries, nothing.multihash.bytes, new Uint8Array(other ?? [])))
  await t.rejects(storage.blocks.inspect(nothing.multihash.bytes, isBlockOf), { code: 'BLOCK_CORRUPT' })
  t.notOk(storage.blocks.has(nothing))
  t.ok(await isWhole(at, at.large), 'the block that lies there stays')
  t.same(
    at.told.map(hash => Buffer.from(hash)),
    [Buffer.from(nothing.multihash.bytes)],
  )
})

t.test('a damaged entry counts as absent, and the block can be put again', async t => {
  const at = await scene(t)
  const { storage, entries, large } = at
  await storage.index.write(batch => batch.put(entries, large.cid.multihash.bytes, new Uint8Array(16)))
  t.notOk(storage.blocks.has(large.cid))
  await t.rejects(storage.blocks.get(large.cid), { code: 'BLOCK_NOT_FOUND' })
  await storage.blocks.put(large.cid, large.bytes)
  t.ok(await isWhole(at, large))
})

t.test(
  'tables that do not agree are found, nothing more is written, and the next start makes them again',
  async t => {
    const directory = t.testdir()
    const fatal: Error[] = []
    const storage = await openAt(t, directory, {}, { onFatal: error => fatal.push(error) })
    const held = [block(20 * KIB), block(100 * KIB)]
    for (const { cid, bytes } of held) await storage.blocks.put(cid, bytes)
    await storage.checkTables()
    const segments = storage.index.bucket('segments')
    await storage.index.write(batch => {
      for (const [key, value] of segments.entries()) batch.put(segments, key, turned(value, 4, 8))
    })
    await t.rejects(storage.checkTables(), {
      code: 'STORAGE_FAILED',
      message: /index .* damaged: segment 1 counts/,
    })
    t.equal(fatal.length, 1)
    await t.rejects(storage.blocks.put(block(10).cid, new Uint8Array(10)), { code: 'STORAGE_FAILED' })
    await storage.close()
    t.ok(existsSync(join(directory, 'running')), 'it is not closed as it should be')
    const again = await openAt(t, directory)
    t.match(again.repairs, [{ part: 'index', message: /1 blocks were found in segments, 1 small/ }])
    for (const { cid, bytes } of held) t.equal(Buffer.compare(await again.blocks.get(cid), bytes), 0)
    await again.checkTables()
  },
)

t.test('a store is looked at where the last run did not close it, and only there', async t => {
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  const held = [block(20 * KIB), block(100 * KIB)]
  for (const { cid, bytes } of held) await storage.blocks.put(cid, bytes)
  t.ok(existsSync(join(directory, 'running')))
  await storage.close()
  t.notOk(existsSync(join(directory, 'running')))
  // The number that a page has of itself: LMDB doesn't look at it.
  const file = join(directory, 'index', 'data.mdb')
  const { length } = await readFile(file)
  const handle = await open(file, 'r+')
  for (let page = 2; page < length / 4096; page++) await handle.write(Buffer.of(255), 0, 1, page * 4096 + 3)
  await handle.close()
  const clean = await openAt(t, directory)
  t.same(clean.repairs, [])
  await clean.close()
  await writeFile(join(directory, 'running'), '')
  const suspect = await openAt(t, directory)
  t.match(suspect.repairs, [{ part: 'index', message: /has another number/ }])
  t.ok(await suspect.blocks.get(held[1]?.cid ?? block(1).cid), 'of the segments nothing is lost')
  await suspect.close()
  await rm(directory, { recursive: true })
})

t.test('counters that a bit of the card has made impossible: the index is made again', async t => {
  for (const [at, bit] of [
    [7, 0x80],
    [6, 0x08],
    [15, 0x80],
  ] as const) {
    const directory = t.testdir()
    const before = await openAt(t, directory)
    const held = block(100 * KIB)
    await before.blocks.put(held.cid, held.bytes)
    const { blocks, usedBytes } = before.blocks.stats()
    const meta = before.index.bucket('meta')
    const key = Buffer.from('counters')
    await before.index.write(batch => batch.put(meta, key, turned(meta.get(key) ?? Buffer.of(), at, bit)))
    await before.close()
    const storage = await openAt(t, directory)
    t.match(storage.repairs, [{ part: 'index', message: /it counts/ }], `byte ${at}`)
    t.match(storage.blocks.stats(), { blocks, usedBytes })
    t.same(Buffer.from(await storage.blocks.get(held.cid)), Buffer.from(held.bytes))
    await storage.close()
  }
})
