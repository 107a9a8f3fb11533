import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HEAP_FLAGS } from '../../core/cli/heap-flags.ts'
import { formatSwarmKey } from '../../core/network/swarm-key.ts'
import { addressOf, withHeliaPair } from './contenders/helia.ts'
import { pin, type SkepPair, withSkepPair } from './contenders/skep.ts'
import { LineProcess } from './line-process.ts'
import { dropPageCache, measure, type Usage } from './process-sample.ts'
import { writeRandomFile } from './random-files.ts'
import { type BenchRow, benchRow, median } from './row.ts'
import { takeTurns, withDirectory } from './turns.ts'

const MIB = 1024 * 1024
const MB = 1e6
const GB = 1e9

/** Moved before the clock starts, by every contender: nodes run for weeks, and V8 compiles what runs often. */
const WARM_UP_MEBIBYTES = 128

interface Files {
  readonly warmUp: string
  readonly measured: string
}

export interface TransferOptions {
  readonly mebibytes: number
  readonly runs: number
  /** Instead of all others: skep in a private network beside skep in the open. */
  readonly swarmKey?: boolean
}

/**
 * Random bytes from one store on disk to another, in two processes over loopback, page cache emptied before, the clock
 * stopped when the receiver has flushed. Helia doesn't flush: `helia` is as it is, `helia-synced` with a sync behind it.
 * `lane` is the cost of the work itself and `raw-tls` that of moving a file. Each pair has moved other bytes before.
 * Contenders take turns, and each figure is the median of its runs.
 */
export function transfer({ mebibytes, runs, swarmKey = false }: TransferOptions): Promise<BenchRow[]> {
  return withDirectory('transfer', async directory => {
    const files = { warmUp: join(directory, 'warm-up'), measured: join(directory, 'measured') }
    writeRandomFile(files.warmUp, WARM_UP_MEBIBYTES)
    writeRandomFile(files.measured, mebibytes)
    if (swarmKey) return await privateBesideOpen(files, { mebibytes, runs, directory })
    const usages = await takeTurns(
      {
        skep: place => skep(files, place),
        lane: place => lane(files, place),
        'raw-tls': place => rawTls(files, place),
        helia: place => helia(files, place),
        'helia-synced': place => helia(files, place, { synced: true }),
      },
      { runs, directory },
    )
    return rowsOf(usages, mebibytes * MIB)
  })
}

async function privateBesideOpen(
  files: Files,
  { mebibytes, runs, directory }: TransferOptions & { readonly directory: string },
): Promise<BenchRow[]> {
  const keyFile = join(directory, 'swarm.key')
  writeFileSync(keyFile, formatSwarmKey(randomBytes(32)), { mode: 0o600 })
  const usages = await takeTurns(
    {
      skep: place => skep(files, place),
      'skep-private': place => skep(files, place, [`network.swarmKeyFile=${keyFile}`]),
    },
    { runs, directory },
  )
  return METRICS.map(({ metric, unit, of }) =>
    benchRow({
      bench: 'transfer',
      metric: `swarm-key ${metric}`,
      ours: median(usages['skep-private'].map(usage => of(usage, mebibytes * MIB))),
      peer: { name: 'skep', value: median(usages.skep.map(usage => of(usage, mebibytes * MIB))) },
      unit,
    }),
  )
}

function skep(files: Files, directory: string, settings: readonly string[] = []): Promise<Usage> {
  const work = async ({ sender, receiver }: SkepPair): Promise<Usage> => {
    const add = async (file: string): Promise<string> =>
      (await sender.json<{ cid: string }>(['add', file])).cid
    const [warmUp, measured] = [await add(files.warmUp), await add(files.measured)]
    await receiver.json(['connect', sender.ready.addresses[0] ?? ''])
    await pin(receiver, warmUp)
    dropPageCache()
    return await measure([receiver.pid, sender.pid], () => pin(receiver, measured))
  }
  return withSkepPair(directory, work, settings)
}

function helia(files: Files, directory: string, { synced = false } = {}): Promise<Usage> {
  return withHeliaPair(directory, async ({ sender, receiver }) => {
    const add = async (path: string): Promise<string> =>
      (await sender.ask<{ cid: string }>({ op: 'add', path })).cid
    const [warmUp, measured] = [await add(files.warmUp), await add(files.measured)]
    await receiver.ask({ op: 'connect', address: await addressOf(sender) })
    await receiver.ask({ op: 'fetch', cid: warmUp })
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op: 'fetch', cid: measured })
      if (synced) execFileSync('sync', ['--file-system', directory])
    })
  })
}

function lane(files: Files, directory: string): Promise<Usage> {
  return withPair(LANE, directory, async ({ sender, receiver }) => {
    const serve = async (path: string): Promise<number> => {
      await sender.ask({ op: 'add', path })
      return (await sender.ask<{ port: number }>({ op: 'serve' })).port
    }
    await receiver.ask({ op: 'fetch', port: await serve(files.warmUp) })
    const port = await serve(files.measured)
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op: 'fetch', port })
    })
  })
}

function rawTls(files: Files, directory: string): Promise<Usage> {
  return withPair(RAW_TLS, directory, async ({ sender, receiver }) => {
    const serve = async (path: string): Promise<number> =>
      (await sender.ask<{ port: number }>({ op: 'serve', path })).port
    const path = join(directory, 'received')
    await receiver.ask({ op: 'fetch', port: await serve(files.warmUp), path })
    const port = await serve(files.measured)
    dropPageCache()
    return await measure([receiver.pid, sender.pid], async () => {
      await receiver.ask({ op: 'fetch', port, path })
    })
  })
}

const LANE = new URL('./peers/lane.ts', import.meta.url)
const RAW_TLS = new URL('./peers/raw-tls.ts', import.meta.url)

/** Two processes of one peer, with the young generation that our nodes have: it suits their buffers, too. */
async function withPair<T>(
  script: URL,
  directory: string,
  work: (pair: { readonly sender: LineProcess; readonly receiver: LineProcess }) => Promise<T>,
): Promise<T> {
  const sender = await LineProcess.start(script, [join(directory, 'sender')], { nodeFlags: HEAP_FLAGS })
  const receiver = await LineProcess.start(script, [join(directory, 'receiver')], { nodeFlags: HEAP_FLAGS })
  try {
    return await work({ sender, receiver })
  } finally {
    await Promise.all([sender.stop(), receiver.stop()])
  }
}

const METRICS = [
  {
    metric: 'throughput',
    unit: 'MB/s',
    of: ({ seconds }: Usage, bytes: number) => bytes / MB / seconds,
    limited: true,
  },
  {
    metric: 'cpu',
    unit: 's/GB',
    of: ({ cpuSeconds }: Usage, bytes: number) => cpuSeconds / (bytes / GB),
    limited: true,
  },
  {
    metric: 'memory',
    unit: 'MB',
    of: ({ peakAnonymousBytes }: Usage) => peakAnonymousBytes / MB,
    limited: false,
  },
] as const

const PEERS = ['lane', 'helia', 'helia-synced', 'raw-tls'] as const

function rowsOf(
  usages: Readonly<Record<'skep' | (typeof PEERS)[number], readonly Usage[]>>,
  bytes: number,
): BenchRow[] {
  return METRICS.flatMap(({ metric, unit, of: read, limited }) => {
    const of = (usage: Usage): number => read(usage, bytes)
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
