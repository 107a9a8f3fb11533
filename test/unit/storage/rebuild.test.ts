import { existsSync, openSync, writeSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { rebuildIndex } from '../../../core/storage/rebuild.ts'
import { diskBytesOf, SLOT_HEADER_BYTES } from '../../../core/storage/size-classes.ts'
import { block } from '../../conformance/block-store.ts'
import { KIB, MIB, openAt, segmentFiles } from './stores.ts'

async function filled(t: Test): Promise<{ directory: string; held: ReturnType<typeof block>[] }> {
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  const held = [10, 20 * KIB, 40 * KIB, 40 * KIB, 300 * KIB, MIB].map(size => block(size))
  await Promise.all(held.map(({ cid, bytes }) => storage.blocks.put(cid, bytes)))
  const things = storage.index.bucket('demo/things')
  await storage.index.write(batch => {
    for (let i = 0; i < 600; i++) batch.put(things, Buffer.from(`key ${i}`), Buffer.from(`value ${i}`))
  })
  await storage.close()
  return { directory, held }
}

t.test('an index is made again from the segments and the old index', async t => {
  const { directory, held } = await filled(t)
  const options = { directory, mapBytes: 64 * MIB }
  t.match(await rebuildIndex(options, { log: silentLogger }), {
    segments: 3,
    blocks: 4,
    inlineBlocks: 2,
    damaged: 0,
    oldIndexProblem: undefined,
  })
  t.notOk(existsSync(join(directory, 'index.old')))
  const { blocks, index } = await openAt(t, directory)
  for (const { cid, bytes } of held) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
  const usedBytes = held.reduce((sum, { bytes }) => sum + diskBytesOf(bytes.length), 0)
  t.match(blocks.stats(), { blocks: held.length, blockBytes: usedBytes })
  t.equal(index.bucket('demo/things').size(), 600)
  const fresh = block(40 * KIB)
  await blocks.put(fresh.cid, fresh.bytes)
  for (const { cid, bytes } of held) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
  t.equal(await blocks.delete(held.map(({ cid }) => cid.multihash.bytes)), usedBytes)
})

for (const [name, damage, problem] of [
  ['is garbage', (path: string) => writeFile(join(path, 'data.mdb'), Buffer.alloc(40_960, 7)), /./],
  ['is gone', (path: string) => rm(path, { recursive: true }), /there is none/],
] as const) {
  t.test(`an index that ${name}`, async t => {
    const { directory, held } = await filled(t)
    await damage(join(directory, 'index'))
    const options = { directory, mapBytes: 64 * MIB }
    const report = await rebuildIndex(options, { log: silentLogger })
    t.match(report, { blocks: 4, inlineBlocks: 0, oldIndexProblem: problem })
    const { blocks } = await openAt(t, directory)
    for (const { cid, bytes } of held.slice(2)) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
    t.equal(blocks.stats().blocks, 4)
  })

  t.test(`an index that ${name} is made again when the store opens`, async t => {
    const { directory, held } = await filled(t)
    await damage(join(directory, 'index'))
    const { blocks, repairs, close } = await openAt(t, directory)
    t.match(repairs, [{ part: 'index', message: /4 blocks were found/, needsAttention: false }])
    for (const { cid, bytes } of held.slice(2)) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
    await close()
    t.same((await openAt(t, directory)).repairs, [])
  })
}

t.test('damage, deleted blocks, and blocks in two slots', async t => {
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  const [damaged, deleted, moved, kept] = Array.from({ length: 4 }, () => block(40 * KIB))
  if (!damaged || !deleted || !moved || !kept) throw new Error('four blocks')
  for (const { cid, bytes } of [damaged, deleted, moved, kept]) await storage.blocks.put(cid, bytes)
  await storage.blocks.delete([deleted.cid.multihash.bytes])
  await storage.blocks.delete([moved.cid.multihash.bytes])
  // Takes the lowest free slot, `deleted`'s: it is then in that one and in its old one.
  await storage.blocks.put(moved.cid, moved.bytes)
  await storage.close()
  const [file] = segmentFiles(directory)
  if (!file) throw new Error('a segment')
  writeSync(openSync(file, 'r+'), Buffer.alloc(16, 1), 0, 16, SLOT_HEADER_BYTES + 5)

  const options = { directory, mapBytes: 64 * MIB }
  t.match(await rebuildIndex(options, { log: silentLogger }), { blocks: 2, damaged: 1 })
  const { blocks } = await openAt(t, directory)
  t.notOk(blocks.has(damaged.cid))
  for (const { cid, bytes } of [moved, kept]) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
  t.match(blocks.stats(), { blocks: 2, blockBytes: 2 * diskBytesOf(40 * KIB) })
})

t.test('a deleted block whose slot was not used since comes back', async t => {
  const { directory, held } = await filled(t)
  const storage = await openAt(t, directory)
  const gone = held[3]
  if (!gone) throw new Error('a block')
  await storage.blocks.delete([gone.cid.multihash.bytes])
  await storage.close()
  await rebuildIndex({ directory, mapBytes: 64 * MIB }, { log: silentLogger })
  const { blocks } = await openAt(t, directory)
  t.equal(Buffer.compare(await blocks.get(gone.cid), gone.bytes), 0)
})

t.test('a kill midway', async t => {
  const { directory, held } = await filled(t)
  const [index, draft, old] = ['index', 'index.draft', 'index.old'].map(name => join(directory, name))
  if (!index || !draft || !old) throw new Error('three names')
  const check = async (): Promise<void> => {
    const { blocks, close } = await openAt(t, directory)
    for (const { cid, bytes } of held) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
    await close()
    t.notOk(existsSync(draft))
    t.notOk(existsSync(old))
  }
  await writeFile(draft, 'half a draft')
  await check()
  await rename(index, old)
  await check()
})

t.test('not while somebody uses the store', async t => {
  const directory = t.testdir()
  await openAt(t, directory)
  const options = { directory, mapBytes: 64 * MIB }
  await t.rejects(rebuildIndex(options, { log: silentLogger }), { code: 'STORAGE_LOCKED' })
})

t.test('an abort leaves the old index', async t => {
  const { directory, held } = await filled(t)
  const options = { directory, mapBytes: 64 * MIB, signal: AbortSignal.abort(new Error('enough')) }
  await t.rejects(rebuildIndex(options, { log: silentLogger }), /enough/)
  const { blocks } = await openAt(t, directory)
  t.equal(blocks.stats().blocks, held.length)
})
