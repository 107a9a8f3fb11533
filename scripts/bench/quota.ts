import { join } from 'node:path'
import { sampleDisk } from '../../test/helpers/disk-sampler.ts'
import type { Checked, Load } from './churn-store.ts'
import { LineProcess } from './line-process.ts'
import { type BenchRow, benchRow } from './row.ts'
import { withDirectory } from './turns.ts'

const KIB = 1024
const MIB = 1024 * KIB
const MB = 1e6

/** Blocks in the index, in slots of several classes, and those that fit no slot exactly. */
const SIZES = [700, 5 * KIB, 20 * KIB, 40 * KIB, 64 * KIB, 100_000, 256 * KIB, 700_000, MIB, 2 * MIB]
/** One size after the other: each takes the room of the one before. */
const PHASES = [SIZES, [MIB], [64 * KIB], [16 * KIB], [MIB], SIZES]

export interface QuotaOptions {
  readonly mebibytes: number
  readonly seconds: number
}

const STORE = new URL('churn-store.ts', import.meta.url)

/**
 * Writers at the cap of a store, of sizes that mix and change, while another process walks its directory as fast as it can
 * and adds up what is allocated. Then the store is opened again, and all that was pinned is read.
 */
export function quota({ mebibytes, seconds }: QuotaOptions): Promise<BenchRow[]> {
  return withDirectory('quota', async directory => {
    const place = join(directory, 'store')
    const maxBytes = mebibytes * MIB
    const store = await LineProcess.start(STORE, [])
    await store.ask({ op: 'open', directory: place, maxBytes })
    const sampler = await sampleDisk(place)
    const loads: Load[] = []
    for (const sizes of PHASES) {
      const request = {
        op: 'load',
        sizes,
        seconds: seconds / PHASES.length,
        pinnedBytes: maxBytes / 4 / PHASES.length,
      }
      loads.push(await store.ask<Load>(request))
    }
    await store.ask({ op: 'close' })
    await store.ask({ op: 'open', directory: place, maxBytes })
    const { lost, pinned } = await store.ask<Checked>({ op: 'check' })
    await store.ask({ op: 'close' })
    const { maxBytes: mostBytes, samples } = await sampler.end()
    await store.stop()
    const sum = (of: (load: Load) => number): number => loads.reduce((total, load) => total + of(load), 0)
    const row = (metric: string, ours: number, unit: string, limit?: number): BenchRow =>
      benchRow({ bench: 'quota', metric, ours, unit, limit })
    return [
      row('overshoot', Math.max(0, mostBytes - maxBytes), 'bytes', 0),
      row('lost', lost, 'blocks', 0),
      row('size', mostBytes, 'bytes', maxBytes),
      row('samples', samples, 'walks'),
      row('pinned', pinned, 'blocks'),
      row(
        'refused',
        sum(({ refused }) => refused),
        'blocks',
      ),
      row('written', sum(({ bytes }) => bytes) / maxBytes, 'x the cap'),
      row('throughput', sum(({ bytes }) => bytes) / MB / sum(({ seconds }) => seconds), 'MB/s'),
    ]
  })
}
