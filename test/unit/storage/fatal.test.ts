import { closeSync, readdirSync, readlinkSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { sizeClassOf, slotBytesOf } from '../../../core/storage/size-classes.ts'
import { block } from '../../conformance/block-store.ts'
import { KIB, openAt } from './stores.ts'

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
