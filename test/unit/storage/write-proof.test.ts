import { spawnSync } from 'node:child_process'
import t from 'tap'
import { LmdbStore } from '../../../core/storage/lmdb.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { block } from '../../conformance/block-store.ts'
import { mountTmpfs } from '../../helpers/tmpfs.ts'
import { KIB, MIB, openAt } from './stores.ts'

const MINUTE_MS = 60_000

function transactionsOf({ index }: Storage): number {
  if (index instanceof LmdbStore) return index.lastTransaction
  throw new TypeError('not on disk')
}

t.test('a probe writes only where no write has proved the disk of late', async t => {
  let nowMs = 5
  const storage = await openAt(t, t.testdir(), {}, { nowMs: () => nowMs })
  const maxAgeMs = 15 * MINUTE_MS
  t.same(await storage.probe({ maxAgeMs }), { flushedMsAgo: 0 }, 'the first finds nothing to read back')
  const before = transactionsOf(storage)

  for (let minute = 1; minute < 15; minute++) {
    nowMs += MINUTE_MS
    t.same(await storage.probe({ maxAgeMs }), { flushedMsAgo: minute * MINUTE_MS })
  }
  t.equal(transactionsOf(storage), before, 'fourteen rounds cost no write')

  for (const size of [100, 40 * KIB]) {
    const { cid, bytes } = block(size)
    await storage.blocks.put(cid, bytes)
    nowMs += MINUTE_MS
    t.same(await storage.probe({ maxAgeMs }), { flushedMsAgo: MINUTE_MS }, 'a real write is proof')
  }
  const afterPuts = transactionsOf(storage)
  nowMs += 15 * MINUTE_MS
  t.same(await storage.probe({ maxAgeMs }), { flushedMsAgo: 0 })
  t.equal(transactionsOf(storage), afterPuts + 1, 'one that is too old is not')
  t.same(await storage.probe(), { flushedMsAgo: 0 })
  t.equal(transactionsOf(storage), afterPuts + 2, 'unless told otherwise it writes')
})

t.test('after a write that was refused, an older one proves nothing', async t => {
  const storage = await openAt(t, t.testdir(), { mapBytes: 1 * MIB })
  const { index } = storage
  const filler = index.bucket('demo/filler')
  await storage.probe()
  await t.rejects(
    (async () => {
      for (let i = 0; ; i++) {
        await index.write(batch => batch.put(filler, Buffer.from(`${i}`), new Uint8Array(3000)))
      }
    })(),
    { code: 'STORAGE_FULL' },
  )
  await index.write(batch => {
    for (const key of filler.keys()) batch.delete(filler, key)
  })
  const before = transactionsOf(storage)
  t.same(await storage.probe({ maxAgeMs: MINUTE_MS }), { flushedMsAgo: 0 })
  t.equal(transactionsOf(storage), before + 1)
})

t.test('a file system that was made read-only fails the probe at once', async t => {
  await using place = mountTmpfs(t, 'size=64m')
  if (!place) return
  const { directory } = place
  const storage = await openAt(t, directory, { mapBytes: 4 * MIB })
  await storage.probe()
  const mount = (...args: string[]): number | null => spawnSync('/bin/mount', args).status
  // A disk with errors is remounted by the kernel; from outside that takes a mount above, as files are open for writing.
  t.equal(mount('--bind', directory, directory), 0)
  t.equal(mount('-o', 'remount,bind,ro', directory), 0)
  await t.rejects(storage.probe({ maxAgeMs: MINUTE_MS }), {
    code: 'STORAGE_FAILED',
    message: /EROFS|read-only/,
  })
  t.equal(spawnSync('/bin/umount', [directory]).status, 0)
  t.ok(await storage.probe({ maxAgeMs: MINUTE_MS }), 'and passes once it is back')
  await storage.close()
})
