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

const PEERS = ['helia', 'helia-pin'] as const

export interface TransferSmallOptions {
  readonly files: number
  readonly runs: number
}

/**
 * A tree of small files of random bytes from one node's store on disk to another's: over loopback, page caches emptied
 * before, ours pinned and flushed at the end. Helia flushes nothing. `helia-pin` is its own way to keep a tree, which asks
 * for one block at a time; `helia` is the fastest that can be made of its parts: many blocks at a time, and no pin.
 */
export function transferSmall({ files, runs }: TransferSmallOptions): Promise<BenchRow[]> {
  return withDirectory('transfer-small', async directory => {
    const tree = join(directory, 'tree')
    writeRandomTree(tree, { files, fileBytes: FILE_BYTES, filesPerDirectory: FILES_PER_DIRECTORY })
    const usages = await takeTurns(
      {
        skep: place => skep(tree, place),
        helia: place => helia('fetchTree', tree, place),
        'helia-pin': place => helia('pin', tree, place),
      },
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

function helia(op: 'fetchTree' | 'pin', tree: string, directory: string): Promise<Usage> {
  return withHeliaPair(directory, async ({ sender, receiver }) => {
    const { cid } = await sender.ask<{ cid: string }>({ op: 'addTree', path: tree })
    await receiver.ask({ op: 'connect', address: await addressOf(sender) })
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op, cid })
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
