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

export interface TransferSmallOptions {
  readonly files: number
  readonly runs: number
}

/**
 * A tree of small files of random bytes from one node's store on disk to another's: over loopback, page caches emptied
 * before, ours pinned and flushed at the end. Helia flushes nothing and is given its fastest way to have a whole tree: many
 * blocks asked for at a time, and no pin.
 */
export function transferSmall({ files, runs }: TransferSmallOptions): Promise<BenchRow[]> {
  return withDirectory('transfer-small', async directory => {
    const tree = join(directory, 'tree')
    writeRandomTree(tree, { files, fileBytes: FILE_BYTES, filesPerDirectory: FILES_PER_DIRECTORY })
    const usages = await takeTurns(
      { skep: place => skep(tree, place), helia: place => helia(tree, place) },
      { runs, directory },
    )
    return rowsOf(usages, files)
  })
}

function skep(tree: string, directory: string): Promise<Usage> {
  return withSkepPair(directory, async ({ sender, receiver }) => {
    const { cid } = await sender.json<{ cid: string }>(['add', tree])
    await receiver.json(['connect', sender.ready.addresses[0] ?? ''])
    dropPageCache()
    return await measure([receiver.pid, sender.pid], () => pin(receiver, cid))
  })
}

function helia(tree: string, directory: string): Promise<Usage> {
  return withHeliaPair(directory, async ({ sender, receiver }) => {
    const { cid } = await sender.ask<{ cid: string }>({ op: 'addTree', path: tree })
    await receiver.ask({ op: 'connect', address: await addressOf(sender) })
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op: 'fetchTree', cid })
    })
  })
}

function rowsOf(usages: Readonly<Record<'skep' | 'helia', readonly Usage[]>>, files: number): BenchRow[] {
  const metrics = [
    { metric: 'throughput', unit: 'files/s', of: ({ seconds }: Usage) => files / seconds },
    { metric: 'cpu', unit: 'ms/file', of: ({ cpuSeconds }: Usage) => (cpuSeconds * 1000) / files },
    { metric: 'memory', unit: 'MB', of: ({ peakAnonymousBytes }: Usage) => peakAnonymousBytes / MB },
  ]
  return metrics.map(({ metric, unit, of }) =>
    benchRow({
      bench: 'transfer-small',
      metric,
      ours: median(usages.skep.map(of)),
      peer: { name: 'helia', value: median(usages.helia.map(of)) },
      unit,
    }),
  )
}
