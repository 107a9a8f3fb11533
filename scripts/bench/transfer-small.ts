import { join } from 'node:path'
import { addressOf, withHeliaPair } from './contenders/helia.ts'
import { pin, withSkepPair } from './contenders/skep.ts'
import { dropPageCache, measure, type Usage } from './process-sample.ts'
import { writeRandomTree } from './random-files.ts'
import { type BenchRow, benchRow, median } from './row.ts'
import { takeTurns, withDirectory } from './turns.ts'

const FILE_BYTES = 4096
const FILES_PER_DIRECTORY = 100
const MB = 1e6

/** Files moved before the clock starts, by every contender: nodes run for weeks, and V8 compiles what runs often. */
const WARM_UP_FILES = 1_000

interface Trees {
  readonly warmUp: string
  readonly measured: string
}

const PEERS = ['helia', 'helia-pin'] as const

export interface TransferSmallOptions {
  readonly files: number
  readonly runs: number
}

/**
 * A tree of small files of random bytes from one node's store on disk to another's: over loopback, page caches emptied
 * before, ours pinned and flushed at the end. Helia flushes nothing. `helia-pin` is its own way to keep a tree, which asks
 * for one block at a time; `helia` is the fastest that can be made of its parts: many blocks at a time, and no pin. Each pair
 * has moved a smaller tree of other files by the same means before.
 */
export function transferSmall({ files, runs }: TransferSmallOptions): Promise<BenchRow[]> {
  return withDirectory('transfer-small', async directory => {
    const trees = { warmUp: join(directory, 'warm-up'), measured: join(directory, 'measured') }
    const shape = { fileBytes: FILE_BYTES, filesPerDirectory: FILES_PER_DIRECTORY }
    writeRandomTree(trees.warmUp, { ...shape, files: WARM_UP_FILES })
    writeRandomTree(trees.measured, { ...shape, files })
    const usages = await takeTurns(
      {
        skep: place => skep(trees, place),
        helia: place => helia('fetchTree', trees, place),
        'helia-pin': place => helia('pin', trees, place),
      },
      { runs, directory },
    )
    return rowsOf(usages, files)
  })
}

function skep(trees: Trees, directory: string): Promise<Usage> {
  return withSkepPair(directory, async ({ sender, receiver }) => {
    const add = async (tree: string): Promise<string> =>
      (await sender.json<{ cid: string }>(['add', tree])).cid
    const [warmUp, measured] = [await add(trees.warmUp), await add(trees.measured)]
    await receiver.json(['connect', sender.ready.addresses[0] ?? ''])
    await pin(receiver, warmUp)
    dropPageCache()
    return await measure([receiver.pid, sender.pid], () => pin(receiver, measured))
  })
}

function helia(op: 'fetchTree' | 'pin', trees: Trees, directory: string): Promise<Usage> {
  return withHeliaPair(directory, async ({ sender, receiver }) => {
    const add = async (path: string): Promise<string> =>
      (await sender.ask<{ cid: string }>({ op: 'addTree', path })).cid
    const [warmUp, measured] = [await add(trees.warmUp), await add(trees.measured)]
    await receiver.ask({ op: 'connect', address: await addressOf(sender) })
    await receiver.ask({ op, cid: warmUp })
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op, cid: measured })
    })
  })
}

function rowsOf(
  usages: Readonly<Record<'skep' | (typeof PEERS)[number], readonly Usage[]>>,
  files: number,
): BenchRow[] {
  const metrics = [
    { metric: 'throughput', unit: 'files/s', of: ({ seconds }: Usage) => files / seconds },
    { metric: 'cpu', unit: 'ms/file', of: ({ cpuSeconds }: Usage) => (cpuSeconds * 1000) / files },
    { metric: 'memory', unit: 'MB', of: ({ peakAnonymousBytes }: Usage) => peakAnonymousBytes / MB },
  ]
  return metrics.flatMap(({ metric, unit, of }) =>
    PEERS.map(name =>
      benchRow({
        bench: 'transfer-small',
        metric,
        ours: median(usages.skep.map(of)),
        peer: { name, value: median(usages[name].map(of)) },
        unit,
      }),
    ),
  )
}
