import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compactIndex } from '../../../core/storage/compact.ts'
import { block } from '../../conformance/block-store.ts'
import { KIB, MIB, openAt, segmentFiles } from './stores.ts'

t.test('a census counts blocks, slots and files', async t => {
  const directory = t.testdir()
  const { blocks, census } = await openAt(t, directory)
  const sizes = [100, 1000, 32 * KIB, 32 * KIB, MIB]
  const cids = []
  for (const [at, size] of sizes.entries()) {
    const { cid, bytes } = block(0, Buffer.alloc(size, at))
    await blocks.put(cid, bytes)
    cids.push(cid)
  }
  const first = await census()
  t.match(first, {
    quota: blocks.stats(),
    inlineBlocks: 2,
    segmentBlocks: 3,
    segments: [
      { slotBytes: 36 * KIB, segments: 1, takenSlots: 2 },
      { slotBytes: 1028 * KIB, segments: 1, takenSlots: 1 },
    ],
    quarantine: { slots: 0, bytes: 0 },
  })
  const onDisk = segmentFiles(directory).reduce((sum, file) => sum + statSync(file).blocks * 512, 0)
  t.equal(first.segmentBytes, onDisk)
  t.ok(first.index.usedBytes > 0 && first.index.usedBytes < first.index.fileBytes)
  t.ok(first.vault.snapshotBytes > 0)

  // The payload of the first of the two, which is found damaged and leaves a slot that isn't used again.
  const [cid] = cids.slice(2)
  if (!cid) throw new Error('no block')
  await t.rejects(
    blocks.inspect(cid.multihash.bytes, () => false),
    { code: 'BLOCK_CORRUPT' },
  )
  t.match(await census(), {
    segmentBlocks: 2,
    quarantine: { slots: 1, bytes: 36 * KIB },
    segments: [{ takenSlots: 2 }, { takenSlots: 1 }],
  })
})

t.test('compacting gives free pages of the index back, and keeps the rest', async t => {
  const directory = t.testdir()
  const first = await openAt(t, directory)
  const all = Array.from({ length: 2000 }, (_, at) => block(0, Buffer.alloc(1000, `${at} `)))
  await Promise.all(all.map(({ cid, bytes }) => first.blocks.put(cid, bytes)))
  const kept = all.slice(0, 20)
  await first.blocks.delete(all.slice(20).map(({ cid }) => cid.multihash.bytes))
  await t.rejects(compactIndex({ directory, mapBytes: 64 * MIB }), { code: 'STORAGE_LOCKED' })
  await first.close()

  const place = join(directory, 'index', 'data.mdb')
  const before = statSync(place).size
  const report = await compactIndex({ directory, mapBytes: 64 * MIB })
  t.same(report, { beforeBytes: before, afterBytes: statSync(place).size })
  t.ok(report.afterBytes < before / 4, `${report.afterBytes} of ${before} bytes are left`)
  const { blocks } = await openAt(t, directory)
  t.equal(blocks.stats().blocks, kept.length)
  for (const { cid, bytes } of kept) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
})
