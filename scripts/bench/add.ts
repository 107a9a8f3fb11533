import { execFileSync } from 'node:child_process'
import { hash, randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { withHelia } from './contenders/helia.ts'
import { add as addToSkep, startSkep } from './contenders/skep.ts'
import { measure, type Usage } from './process-sample.ts'
import { writeRandomFile } from './random-files.ts'
import { type BenchRow, benchRow, median } from './row.ts'
import { takeTurns, withDirectory } from './turns.ts'

const MIB = 1024 * 1024
const MB = 1e6
const GB = 1e9

/** Long enough to measure, short enough for every run. */
const HASHED_MIB = 512

export interface AddOptions {
  readonly mebibytes: number
  readonly runs: number
}

/**
 * A file of random bytes, in the page cache, into a store on disk. Ours is what `skep add` has the node do, pinned and flushed;
 * the start of the command isn't counted, as Helia has none. Helia flushes nothing. Both read the file themselves. The limit is
 * what one core hashes with SHA-256.
 */
export function add({ mebibytes, runs }: AddOptions): Promise<BenchRow[]> {
  return withDirectory('add', async directory => {
    const file = join(directory, 'random')
    writeRandomFile(file, mebibytes)
    const usages = await takeTurns(
      {
        skep: async place => inCache(file, () => skep(file, place)),
        helia: async place => inCache(file, () => helia(file, place)),
        sha256: async () => hashing(),
      },
      { runs, directory },
    )
    const bytes = mebibytes * MIB
    const speed = ({ seconds }: Usage): number => bytes / MB / seconds
    const cpu = ({ cpuSeconds }: Usage): number => cpuSeconds / (bytes / GB)
    const memory = ({ peakAnonymousBytes }: Usage): number => peakAnonymousBytes / MB
    const row = (metric: string, unit: string, of: (usage: Usage) => number, limit?: number): BenchRow =>
      benchRow({
        bench: 'add',
        metric,
        ours: median(usages.skep.map(of)),
        peer: { name: 'helia', value: median(usages.helia.map(of)) },
        limit,
        unit,
      })
    return [
      row(
        'throughput',
        'MB/s',
        speed,
        (HASHED_MIB * MIB) / MB / median(usages.sha256.map(({ seconds }) => seconds)),
      ),
      row('cpu', 's/GB', cpu),
      row('memory', 'MB', memory),
    ]
  })
}

/** Flushes what others left and reads the file once before `work`, so that all find the same. */
function inCache<T>(file: string, work: () => Promise<T>): Promise<T> {
  execFileSync('sync')
  execFileSync('cat', [file], { stdio: 'ignore' })
  return work()
}

async function skep(file: string, directory: string): Promise<Usage> {
  const node = await startSkep(directory)
  try {
    return await measure([node.pid], async () => {
      await addToSkep(node, file)
    })
  } finally {
    await node.end()
  }
}

function helia(file: string, directory: string): Promise<Usage> {
  return withHelia(directory, helia =>
    measure([helia.pid], async () => {
      await helia.ask({ op: 'add', path: file })
    }),
  )
}

/** How long this core takes for SHA-256 alone, of blocks as large as those of a file. */
function hashing(): Promise<Usage> {
  const block = randomFillSync(Buffer.allocUnsafe(MIB))
  return measure([process.pid], async () => {
    for (let hashed = 0; hashed < HASHED_MIB; hashed++) hash('sha256', block, 'buffer')
  })
}
