import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { sampleDisk } from '../../test/helpers/disk-sampler.ts'
import type { Load } from './churn-store.ts'
import { LineProcess } from './line-process.ts'
import { LoopDisk } from './loop-disk.ts'
import { type BenchRow, benchRow, median } from './row.ts'
import { withDirectory } from './turns.ts'

const KIB = 1024
const MIB = 1024 * KIB
const MB = 1e6

const MIXED = [4 * KIB, 20 * KIB, 40 * KIB, 64 * KIB, 100_000, 256 * KIB, 700_000, MIB]
const TURNOVERS = 10
/** After the turnovers one class becomes another, and that one the first again. */
const SHIFTS = [MIB, 64 * KIB, MIB]
/** Of the cap, for each measurement: long enough that evictions are among it. */
const MEASURED_SHARE = 1 / 2
const IDLE_MS = 2_000

export interface ChurnOptions {
  /** The cap. */
  readonly mebibytes: number
  readonly runs: number
}

const STORE = new URL('churn-store.ts', import.meta.url)

/**
 * A store whose contents were turned over ten times at its cap, beside one that is new, on a disk of their own. What reaches
 * that disk is what its counter says, `/sys/block/<device>/stat`, with a sync before and after.
 */
export function churn({ mebibytes, runs }: ChurnOptions): Promise<BenchRow[]> {
  return withDirectory('churn', async directory => {
    const maxBytes = mebibytes * MIB
    using disk = LoopDisk.mount(join(directory, 'disk'), 4 * maxBytes)
    const base = disk?.directory ?? directory
    const old = await openStore(join(base, 'old'), maxBytes)
    const sampler = await sampleDisk(join(base, 'old'))
    const load = (store: LineProcess, sizes: readonly number[], bytes: number): Promise<Load> =>
      store.ask<Load>({ op: 'load', sizes, bytes })
    for (let turn = 0; turn < TURNOVERS; turn++) await load(old, MIXED, maxBytes)

    const speeds: { old: number[]; fresh: number[] } = { old: [], fresh: [] }
    const measuredBytes = maxBytes * MEASURED_SHARE
    const speedOf = ({ bytes, seconds }: Load): number => bytes / MB / seconds
    for (let run = 0; run < runs; run++) {
      const fresh = await openStore(join(base, `fresh-${run}`), maxBytes)
      speeds.fresh.push(speedOf(await load(fresh, MIXED, measuredBytes)))
      await closeStore(fresh)
      speeds.old.push(speedOf(await load(old, MIXED, measuredBytes)))
    }
    for (const size of SHIFTS) await load(old, [size], 1.5 * maxBytes)

    const written = (): number => disk?.writtenBytes() ?? 0
    const idleBefore = written()
    await setTimeout(IDLE_MS)
    const before = written()
    const large = await load(old, [MIB], 2 * maxBytes)
    const deviceBytes = written() - before
    await closeStore(old)
    const { maxBytes: mostBytes } = await sampler.end()

    const row = (init: Omit<Parameters<typeof benchRow>[0], 'bench'>): BenchRow =>
      benchRow({ bench: 'churn', ...init })
    return [
      row({
        metric: 'throughput',
        ours: median(speeds.old),
        peer: { name: 'fresh', value: median(speeds.fresh) },
        unit: 'MB/s',
      }),
      row({ metric: 'size', ours: mostBytes, limit: maxBytes, unit: 'bytes' }),
      ...(disk
        ? [
            row({ metric: 'amplification', ours: deviceBytes / large.bytes, limit: 1.3, unit: 'x' }),
            row({ metric: 'idle-drift', ours: (before - idleBefore) / (IDLE_MS / 1000), unit: 'bytes/s' }),
          ]
        : []),
      row({ metric: 'amplification-wchar', ours: large.writtenBytes / large.bytes, unit: 'x' }),
    ]
  })
}

async function openStore(directory: string, maxBytes: number): Promise<LineProcess> {
  const store = await LineProcess.start(STORE, [])
  await store.ask({ op: 'open', directory, maxBytes })
  return store
}

async function closeStore(store: LineProcess): Promise<void> {
  await store.ask({ op: 'close' })
  await store.stop()
}
