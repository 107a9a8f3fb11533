import { randomFillSync } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SkepProcess } from '../../test/helpers/skep-process.ts'
import { LineProcess } from './line-process.ts'
import { dropPageCache, measure, type Usage } from './process-sample.ts'
import { type BenchRow, benchRow, median } from './row.ts'

const MIB = 1024 * 1024
const MB = 1e6
const GB = 1e9

export interface TransferOptions {
  readonly mebibytes: number
  readonly runs: number
}

/** One way to move a file from one store on disk to another, in two processes over loopback. */
type Contender = (file: string, directory: string) => Promise<Usage>

const contenders: Readonly<Record<'skep' | 'helia' | 'raw-tls', Contender>> = {
  async skep(file, directory) {
    const quiet = [
      '--set',
      'plugins.monitoring.port=0',
      '--set',
      'plugins.discovery.mdns.enabled=false',
      '--log-level',
      'warn',
    ]
    const local = ['--set', 'network.listen=/ip4/127.0.0.1/tcp/0', ...quiet]
    const sender = await SkepProcess.start(join(directory, 'sender'), local)
    const receiver = await SkepProcess.start(join(directory, 'receiver'), local)
    try {
      const { cid } = await sender.json<{ cid: string }>(['add', file])
      await receiver.json(['connect', sender.ready.addresses[0] ?? ''])
      dropPageCache()
      return await measure([receiver.pid, sender.pid], async () => {
        await receiver.json(['pin', 'add', cid])
      })
    } finally {
      await Promise.all([sender.end(), receiver.end()])
    }
  },

  async helia(file, directory) {
    const script = new URL('./peers/helia.ts', import.meta.url)
    const sender = await LineProcess.start(script, [join(directory, 'sender')])
    const receiver = await LineProcess.start(script, [join(directory, 'receiver')])
    try {
      const { cid } = await sender.ask<{ cid: string }>({ op: 'add', path: file })
      const { address } = await sender.ask<{ address: string }>({ op: 'address' })
      await receiver.ask({ op: 'connect', address })
      dropPageCache()
      return await measure([receiver.pid, sender.pid], async () => {
        await receiver.ask({ op: 'fetch', cid })
      })
    } finally {
      await Promise.all([sender.stop(), receiver.stop()])
    }
  },

  async 'raw-tls'(file, directory) {
    const script = new URL('./peers/raw-tls.ts', import.meta.url)
    const sender = await LineProcess.start(script, [])
    const receiver = await LineProcess.start(script, [])
    try {
      const { port } = await sender.ask<{ port: number }>({ op: 'serve', path: file })
      dropPageCache()
      return await measure([receiver.pid, sender.pid], async () => {
        await receiver.ask({ op: 'fetch', port, path: join(directory, 'received') })
      })
    } finally {
      await Promise.all([sender.stop(), receiver.stop()])
    }
  },
}

/**
 * Random bytes from one node's store on disk to another's, page cache emptied before, the clock stopped when the receiver
 * has flushed (Helia doesn't flush; that is in its favour). Contenders take turns, and each figure is the median of its runs.
 *
 * The skep figure includes starting the command that asks for the pin, about a quarter of a second of CPU and time not
 * counted as the node's own CPU.
 */
export async function transfer({ mebibytes, runs }: TransferOptions): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(process.env.SKEP_BENCH_DIRECTORY ?? tmpdir(), 'skep-transfer-'))
  const usages: Record<keyof typeof contenders, Usage[]> = { skep: [], helia: [], 'raw-tls': [] }
  try {
    const file = join(directory, 'random')
    writeRandomFile(file, mebibytes)
    for (let run = 0; run < runs; run++) {
      for (const name of Object.keys(contenders) as (keyof typeof contenders)[]) {
        const place = mkdtempSync(join(directory, `${name}-`))
        usages[name].push(await contenders[name](file, place))
        rmSync(place, { recursive: true })
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return rowsOf(usages, mebibytes * MIB)
}

function rowsOf(
  usages: Readonly<Record<keyof typeof contenders, readonly Usage[]>>,
  bytes: number,
): BenchRow[] {
  const metrics = [
    { metric: 'throughput', unit: 'MB/s', of: (usage: Usage) => bytes / MB / usage.seconds, limited: true },
    { metric: 'cpu', unit: 's/GB', of: (usage: Usage) => usage.cpuSeconds / (bytes / GB), limited: true },
    { metric: 'memory', unit: 'MB', of: (usage: Usage) => usage.peakAnonymousBytes / MB, limited: false },
  ]
  return metrics.flatMap(({ metric, unit, of, limited }) => {
    const limit = limited ? median(usages['raw-tls'].map(of)) : undefined
    return (['helia', 'raw-tls'] as const).map(name =>
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

function writeRandomFile(path: string, mebibytes: number): void {
  const file = openSync(path, 'w')
  const chunk = Buffer.allocUnsafe(MIB)
  for (let written = 0; written < mebibytes; written++) writeSync(file, randomFillSync(chunk))
  closeSync(file)
}
