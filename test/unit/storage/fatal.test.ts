import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { sizeClassOf, slotBytesOf } from '../../../core/storage/size-classes.ts'
import { block } from '../../conformance/block-store.ts'
import { KIB, openAt, segmentFiles } from './stores.ts'

t.test('a sync of a segment that fails is fatal', async t => {
  const directory = t.testdir()
  const fatal: Error[] = []
  const { blocks } = await openAt(t, directory, {}, { onFatal: error => fatal.push(error) })
  const [kept, lost, next, small] = [40 * KIB, 100 * KIB, 40 * KIB, 100].map(size => block(size))
  if (!kept || !lost || !next || !small) throw new Error('four blocks')
  await blocks.put(kept.cid, kept.bytes)
  // A device that takes writes and refuses to sync them.
  const name = `00000002-${slotBytesOf(sizeClassOf(100 * KIB))}.segment`
  await symlink('/dev/null', join(directory, 'segments', name))

  await t.rejects(blocks.put(lost.cid, lost.bytes), { code: 'STORAGE_FAILED' })
  t.match(fatal, [{ code: 'STORAGE_FAILED' }])
  t.notOk(blocks.has(lost.cid))
  await t.rejects(blocks.put(next.cid, next.bytes), { code: 'STORAGE_FAILED' })
  await t.rejects(blocks.put(small.cid, small.bytes), { code: 'STORAGE_FAILED' })
  t.equal(fatal.length, 1, 'said once')
  t.equal(Buffer.compare(await blocks.get(kept.cid), kept.bytes), 0, 'what is held is still read')
})

t.test('a bad place on disk ends one start, not every one', async t => {
  const slotBytes = slotBytesOf(sizeClassOf(100 * KIB))
  // Devices that refuse: one takes writes and doesn't sync them, the other has nothing at its first offsets.
  for (const device of ['/dev/null', '/proc/self/mem']) {
    const directory = t.testdir()
    const open = (fatal: Error[]) => openAt(t, directory, {}, { onFatal: error => fatal.push(error) })
    const path = join(directory, 'segments', `00000001-${slotBytes}.segment`)
    const [lost, kept] = [block(100 * KIB), block(100 * KIB)]
    const fatal: Error[] = []
    const failing = await open(fatal)
    await symlink(device, path)
    await t.rejects(failing.blocks.put(lost.cid, lost.bytes), { code: 'STORAGE_FAILED' })
    t.match(fatal, [{ code: 'STORAGE_FAILED' }], `${device} is fatal`)
    await failing.close()

    for (let start = 1; start <= 2; start++) {
      const again: Error[] = []
      const storage = await open(again)
      await storage.blocks.put(lost.cid, lost.bytes)
      await storage.blocks.put(kept.cid, kept.bytes)
      await storage.blocks.delete([lost.cid.multihash.bytes])
      t.same(again, [], `start ${start} goes on elsewhere`)
      t.equal(Buffer.compare(await storage.blocks.get(kept.cid), kept.bytes), 0)
      t.equal(readlinkSync(path), device, 'the bad place stays taken')
      await storage.close()
    }
  }
})

t.test('a sealed segment gives the blocks it has, and outlives the last of them', async t => {
  const directory = t.testdir()
  const held = block(100 * KIB)
  const before = await openAt(t, directory)
  await before.blocks.put(held.cid, held.bytes)
  await before.close()
  // As a power cut leaves it: the line before is cut short.
  writeFileSync(join(directory, 'sealed-segments'), '0000\n00000001')

  const { blocks } = await openAt(t, directory)
  t.equal(Buffer.compare(await blocks.get(held.cid), held.bytes), 0)
  const other = block(100 * KIB)
  await blocks.put(other.cid, other.bytes)
  t.equal(segmentFiles(directory).length, 2, 'a new block goes elsewhere')
  await blocks.delete([held.cid.multihash.bytes])
  await blocks.put(held.cid, held.bytes)
  t.ok(statSync(segmentFiles(directory)[1] ?? '').size > 200 * KIB, 'even where a slot came free')
  t.equal(segmentFiles(directory).length, 2)
})

t.test('a commit that fails is fatal', async t => {
  const directory = t.testdir()
  const fatal: Error[] = []
  const storage = await openAt(t, directory, {}, { onFatal: error => fatal.push(error) })
  const { blocks, index } = storage
  const kept = block(100)
  await blocks.put(kept.cid, kept.bytes)
  const things = index.bucket('demo/things')
  takeAway(join(directory, 'index', 'data.mdb'))

  const write = (): Promise<void> => index.write(batch => batch.put(things, Buffer.of(1), Buffer.of(1)))
  const outcomes = await Promise.allSettled([write(), write(), blocks.put(block(5).cid, Buffer.alloc(5))])
  for (const outcome of outcomes) t.match(outcome, { status: 'rejected', reason: { code: 'STORAGE_FAILED' } })
  await t.rejects(write(), { code: 'STORAGE_FAILED' })
  await t.rejects(storage.probe(), { code: 'STORAGE_FAILED' })
  t.match(fatal, [{ code: 'STORAGE_FAILED', message: /index/ }])
  t.notOk(things.has(Buffer.of(1)))
  t.equal(Buffer.compare(await blocks.get(kept.cid), kept.bytes), 0)
  t.match(blocks.stats(), { blocks: 1, reservedBytes: 0 })
  await storage.close()
  const again = await openAt(t, directory)
  t.equal(
    Buffer.compare(await again.blocks.get(kept.cid), kept.bytes),
    0,
    'a fresh start finds what was held',
  )
})

/** Closes this process's descriptors of a file behind LMDB's back: its next write fails as on a disk that went away. */
function takeAway(path: string): void {
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) === path) closeSync(Number(fd))
    } catch {
      // The descriptor that listed the directory is gone by now.
    }
  }
}

t.test('a process ends, though a transaction was under way when the disk failed', async t => {
  const program = fileURLToPath(new URL('fail-in-transaction.ts', import.meta.url))
  const child = spawn(process.execPath, [program, t.testdir()], { stdio: 'inherit' })
  t.teardown(() => child.kill('SIGKILL'))
  t.same(await once(child, 'exit', { signal: AbortSignal.timeout(20_000) }), [7, null])
})
