import { statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { WearGauge, type WearOptions } from '../../../core/resources/wear-gauge.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { block } from '../../conformance/block-store.ts'
import { MIB, openAt } from '../storage/stores.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const GB = 1e9

/** A machine that counts by process alone, and a clock by hand. */
function machine(t: Test) {
  const root = t.testdir({ data: {}, proc: { self: {} } })
  const time = { nowMs: 1000 }
  const wrote = (bytes: number): void =>
    writeFileSync(join(root, 'proc/self/io'), `wchar: 5\nwrite_bytes: ${bytes}\ncancelled_write_bytes: 0\n`)
  wrote(0)
  const start = async (storage: Storage, options: Partial<WearOptions> = {}): Promise<WearGauge> => {
    const gauge = new WearGauge(
      {
        directory: join(root, 'data'),
        root,
        ratedBytes: 1000 * GB,
        fullWrites: 300,
        minLifeMs: 365 * DAY_MS,
        ...options,
      },
      { storage, log: silentLogger, nowMs: () => time.nowMs },
    )
    t.teardown(() => gauge.stop())
    await gauge.start()
    return gauge
  }
  return { directory: join(root, 'data'), time, wrote, start }
}

t.test('what is stored and what is written, over restarts', async t => {
  const { directory, time, wrote, start } = machine(t)
  const storage = await openAt(t, directory)
  const gauge = await start(storage)
  t.match(gauge.status(), {
    source: 'process',
    counts: 'pages made dirty by this process',
    device: null,
    logicalBytes: 0,
    amplification: null,
    writtenBytesPerDay: null,
    health: { status: 'ok' },
  })
  for (let i = 0; i < 20; i++) {
    const { cid, bytes } = block(MIB)
    await storage.blocks.put(cid, bytes)
    await storage.blocks.put(cid, bytes)
  }
  wrote(30 * MIB)
  time.nowMs += HOUR_MS
  const before = gauge.status()
  t.match(before, { logicalBytes: 20 * MIB, writtenBytes: 30 * MIB, amplification: 1.5, observedMs: HOUR_MS })
  t.match(before.sinceStart, { logicalBytes: 20 * MIB, process: 30 * MIB, wchar: 0 })
  t.equal(Math.round((before.writtenBytesPerDay ?? 0) / MIB), 24 * 30)

  await gauge.stop()
  await gauge.stop()
  await storage.close()
  wrote(7000)
  time.nowMs = 50
  const again = await openAt(t, directory)
  const next = await start(again)
  wrote(7000 + MIB)
  time.nowMs += HOUR_MS
  const after = next.status()
  t.match(after, { logicalBytes: 20 * MIB, writtenBytes: 31 * MIB, observedMs: 2 * HOUR_MS })
  t.match(after.sinceStart, { logicalBytes: 0, process: MIB })
})

t.test('a disk that wears out too fast is told once a day was seen', async t => {
  const { directory, time, wrote, start } = machine(t)
  const gauge = await start(await openAt(t, directory))
  wrote(5 * GB)
  time.nowMs += DAY_MS / 2
  t.match(gauge.status(), { health: { status: 'ok' }, card: { ratedBytes: 1000 * GB, daysLeft: null } })
  wrote(10 * GB)
  time.nowMs += DAY_MS / 2
  const { health, card } = gauge.status()
  t.match(health, { status: 'degraded', reason: /10000 MB a day.*9[89] days/ })
  t.equal(Math.round(card.daysLeft ?? 0), 99)
})

t.test('a disk of unknown endurance bears its size, so many times', async t => {
  const { directory, start } = machine(t)
  const gauge = await start(await openAt(t, directory), { ratedBytes: 0, fullWrites: 7 })
  const { blocks, bsize } = statfsSync(directory)
  t.equal(gauge.status().card.ratedBytes, blocks * bsize * 7)
})

t.test('a record that is none is forgotten', async t => {
  const { directory, start } = machine(t)
  const storage = await openAt(t, directory)
  const bucket = storage.bookkeeping.bucket('wear')
  await storage.bookkeeping.write(batch =>
    batch.put(bucket, Buffer.from('tallies'), Buffer.from('{"version":9}')),
  )
  const gauge = await start(storage)
  t.match(gauge.status(), { writtenBytes: 0, observedMs: 0 })
})

t.test('this machine: a store that writes is seen by the source that is chosen', async t => {
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  const gauge = new WearGauge(
    { directory, ratedBytes: 0, fullWrites: 300, minLifeMs: 0 },
    { storage, log: silentLogger, nowMs: () => performance.now() },
  )
  await gauge.start()
  t.teardown(() => gauge.stop())
  for (let i = 0; i < 64; i++) {
    const { cid, bytes } = block(MIB)
    await storage.blocks.put(cid, bytes)
  }
  await gauge.stop()
  const { source, writtenBytes, amplification, sinceStart } = gauge.status()
  t.equal(sinceStart.logicalBytes, 64 * MIB)
  t.ok((sinceStart.wchar ?? 0) >= 64 * MIB, 'all of it went through write calls')
  t.ok(source, 'something counts')
  t.ok(writtenBytes >= 64 * MIB, `${source} saw ${writtenBytes}`)
  t.ok(amplification !== null && amplification >= 1, `${amplification}`)
})
