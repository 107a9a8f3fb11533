import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { HEAP_FLAGS } from '../../core/cli/heap-flags.ts'
import { addressOf, withHeliaPair } from './contenders/helia.ts'
import { pin, withSkepPair } from './contenders/skep.ts'
import { LineProcess } from './line-process.ts'
import { dropPageCache, measure, type Usage } from './process-sample.ts'
import { writeRandomFile } from './random-files.ts'
import { type BenchRow, benchRow, median } from './row.ts'
import { takeTurns, withDirectory } from './turns.ts'

const MIB = 1024 * 1024
const MB = 1e6
const GB = 1e9

export interface TransferOptions {
  readonly mebibytes: number
  readonly runs: number
}

/**
 * Random bytes from one store on disk to another, in two processes over loopback, page cache emptied before, the clock
 * stopped when the receiver has flushed. Helia doesn't flush: `helia` is as it is, `helia-synced` with a sync behind it.
 * `lane` is the cost of the work itself and `raw-tls` that of moving a file. Contenders take turns, and each figure is the
 * median of its runs.
 */
export function transfer({ mebibytes, runs }: TransferOptions): Promise<BenchRow[]> {
  return withDirectory('transfer', async directory => {
    const file = join(directory, 'random')
    writeRandomFile(file, mebibytes)
    const usages = await takeTurns(
      {
        skep: place => skep(file, place),
        lane: place => lane(file, place),
        'raw-tls': place => rawTls(file, place),
        helia: place => helia(file, place),
        'helia-synced': place => helia(file, place, { synced: true }),
      },
      { runs, directory },
    )
    return rowsOf(usages, mebibytes * MIB)
  })
}

function skep(file: string, directory: string): Promise<Usage> {
  return withSkepPair(directory, async ({ sender, receiver }) => {
    const { cid } = await sender.json<{ cid: string }>(['add', file])
    await receiver.json(['connect', sender.ready.addresses[0] ?? ''])
    dropPageCache()
    return await measure([receiver.pid, sender.pid], () => pin(receiver, cid))
  })
}

function helia(file: string, directory: string, { synced = false } = {}): Promise<Usage> {
  return withHeliaPair(directory, async ({ sender, receiver }) => {
    const { cid } = await sender.ask<{ cid: string }>({ op: 'add', path: file })
    await receiver.ask({ op: 'connect', address: await addressOf(sender) })
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op: 'fetch', cid })
      if (synced) execFileSync('sync', ['--file-system', directory])
    })
  })
}

function lane(file: string, directory: string): Promise<Usage> {
  return withPair('lane', directory, async ({ sender, receiver }) => {
    await sender.ask({ op: 'add', path: file })
    const { port } = await sender.ask<{ port: number }>({ op: 'serve' })
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op: 'fetch', port })
    })
  })
}

function rawTls(file: string, directory: string): Promise<Usage> {
  return withPair('raw-tls', directory, async ({ sender, receiver }) => {
    const { port } = await sender.ask<{ port: number }>({ op: 'serve', path: file })
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op: 'fetch', port, path: join(directory, 'received') })
    })
  })
}

/** Two processes of one peer, with the young generation that our nodes have: it suits their buffers, too. */
async function withPair<T>(
  name: 'lane' | 'raw-tls',
  directory: string,
  work: (pair: { readonly sender: LineProcess; readonly receiver: LineProcess }) => Promise<T>,
): Promise<T> {
  const script = new URL(`./peers/${name}.ts`, import.meta.url)
  const sender = await LineProcess.start(script, [join(directory, 'sender')], { nodeFlags: HEAP_FLAGS })
  const receiver = await LineProcess.start(script, [join(directory, 'receiver')], { nodeFlags: HEAP_FLAGS })
  try {
    return await work({ sender, receiver })
  } finally {
    await Promise.all([sender.stop(), receiver.stop()])
  }
}

const PEERS = ['lane', 'helia', 'helia-synced', 'raw-tls'] as const

function rowsOf(
  usages: Readonly<Record<'skep' | (typeof PEERS)[number], readonly Usage[]>>,
  bytes: number,
): BenchRow[] {
  const metrics = [
    { metric: 'throughput', unit: 'MB/s', of: (usage: Usage) => bytes / MB / usage.seconds, limited: true },
    { metric: 'cpu', unit: 's/GB', of: (usage: Usage) => usage.cpuSeconds / (bytes / GB), limited: true },
    { metric: 'memory', unit: 'MB', of: (usage: Usage) => usage.peakAnonymousBytes / MB, limited: false },
  ]
  return metrics.flatMap(({ metric, unit, of, limited }) => {
    const limit = limited ? median(usages['raw-tls'].map(of)) : undefined
    return PEERS.map(name =>
      benchRow({
        bench: 'transfer',
        metric,
        ours: median(usages.skep.map(of)),
        peer: { name, value: median(usages[name].map(of)) },
        limit,
        unit,
      }),
    )
  })
}
