import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { BlockStore } from '../../../core/storage/storage.ts'
import { block } from '../../conformance/block-store.ts'
import { mountTmpfs } from '../../helpers/tmpfs.ts'
import { KIB, MIB, openAt } from './stores.ts'

type Held = ReturnType<typeof block>[]

/** Puts blocks until one doesn't fit; gives back those that did and the error. */
async function fill(blocks: BlockStore, size: number): Promise<{ held: Held; error: { code: string } }> {
  const held: Held = []
  for (;;) {
    const next = block(size)
    try {
      await blocks.put(next.cid, next.bytes)
      held.push(next)
    } catch (error) {
      return { held, error: error as { code: string } }
    }
  }
}

async function readable(t: Test, blocks: BlockStore, held: Held): Promise<void> {
  for (const { cid, bytes } of held) {
    if (Buffer.compare(await blocks.get(cid), bytes) !== 0) throw new Error(`block ${cid} reads as another`)
  }
  t.pass(`${held.length} blocks read`)
}

t.test('a full map', async t => {
  const directory = t.testdir()
  const fatal: Error[] = []
  const options = { mapBytes: 2 * MIB }
  const { blocks, index, close } = await openAt(t, directory, options, {
    onFatal: error => fatal.push(error),
  })
  const { held, error } = await fill(blocks, 20 * KIB)
  t.equal(error.code, 'STORAGE_FULL')
  t.ok(held.length > 50 && held.length < 100, `${held.length} blocks of 20 KiB in a map of 2 MiB`)
  await readable(t, blocks, held)
  await t.rejects(blocks.reserve(20 * KIB), { code: 'STORAGE_FULL' }, 'a reservation weighs the index, too')
  t.match(blocks.stats(), { blocks: held.length, reservedBytes: 0 })

  const things = index.bucket('demo/things')
  const outcomes = await Promise.allSettled([
    index.write(batch => batch.put(things, Buffer.from('a'), Buffer.alloc(200 * KIB))),
    index.write(batch => batch.delete(things, Buffer.from('b'))),
  ])
  t.match(outcomes, [{ status: 'rejected', reason: { code: 'STORAGE_FULL' } }, { status: 'fulfilled' }])

  await blocks.delete(held.splice(0, 20).map(({ cid }) => cid.multihash.bytes))
  const again = await fill(blocks, 20 * KIB)
  t.ok(again.held.length >= 15, `${again.held.length} fit where 20 were deleted`)
  await close()
  const reopened = await openAt(t, directory, options)
  await readable(t, reopened.blocks, [...held, ...again.held])
  t.same(fatal, [])
})

for (const { name, size } of [
  { name: 'with blocks in segments', size: 200 * KIB },
  { name: 'with blocks in the index', size: 25 * KIB },
]) {
  t.test(`a full disk, ${name}`, async t => {
    await using small = mountTmpfs(t, `size=${12 * MIB}`)
    if (!small) return
    const { directory } = small
    const fatal: Error[] = []
    const storage = await openAt(t, join(directory, 'store'), {}, { onFatal: error => fatal.push(error) })
    const { blocks } = storage
    const first = await fill(blocks, size)
    t.equal(first.error.code, 'STORAGE_FULL')
    t.ok(first.held.length > 20)
    await readable(t, blocks, first.held)

    // Somebody else takes what is left, to the last byte.
    const ballast = join(directory, 'ballast')
    t.throws(() => writeFileSync(ballast, Buffer.alloc(16 * MIB)), { code: 'ENOSPC' })
    const another = block(size)
    await t.rejects(blocks.put(another.cid, another.bytes), { code: 'STORAGE_FULL' })
    await readable(t, blocks, first.held)
    await rm(ballast)

    await blocks.delete(first.held.splice(0, 10).map(({ cid }) => cid.multihash.bytes))
    const again = await fill(blocks, size)
    t.ok(again.held.length >= 5, `${again.held.length} fit where 10 were deleted`)
    t.match(blocks.stats(), { blocks: first.held.length + again.held.length, reservedBytes: 0 })
    await storage.close()

    const reopened = await openAt(t, join(directory, 'store'))
    await readable(t, reopened.blocks, [...first.held, ...again.held])
    t.same(fatal, [], 'a full disk is not a broken one')
    await reopened.close()
  })
}
