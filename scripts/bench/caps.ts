import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { SkepProcess } from '../../test/helpers/skep-process.ts'
import { writeRandomFile } from './random-files.ts'
import { type BenchRow, benchRow } from './row.ts'

const MB = 1e6
const MIB = 1024 * 1024

export interface CapsOptions {
  readonly megabytesPerSecond: number
  readonly seconds: number
}

interface Run {
  readonly capped: 'upload' | 'download'
  readonly exemptLan: boolean
}

const RUNS = {
  upload: { capped: 'upload', exemptLan: false },
  download: { capped: 'download', exemptLan: false },
  lan: { capped: 'upload', exemptLan: true },
} as const satisfies Record<string, Run>

/** The burst of half a second, and the window that fills once, are behind us by then. */
const WARM_UP_SECONDS = 3

/**
 * A file from one node to another over loopback, one of them with a cap: what goes over their sockets in a second, all
 * overheads included, beside the cap. `lan` is the same with peers of the local network exempt: the whole file, as fast as it
 * goes.
 */
export async function caps({ megabytesPerSecond, seconds }: CapsOptions): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(process.env.SKEP_BENCH_DIRECTORY ?? tmpdir(), 'skep-caps-'))
  const capBytes = megabytesPerSecond * MB
  try {
    const file = join(directory, 'random')
    const spareSeconds = 2 * WARM_UP_SECONDS
    const mebibytes = Math.ceil((capBytes * (seconds + spareSeconds)) / MIB)
    writeRandomFile(file, mebibytes)
    const rows: BenchRow[] = []
    for (const [metric, run] of Object.entries(RUNS)) {
      const place = join(directory, metric)
      const bytesPerSecond = await withNodes(place, capBytes, run, async (sender, receiver) => {
        const { cid } = await sender.json<{ cid: string }>(['add', file])
        await receiver.json(['connect', sender.ready.addresses[0] ?? ''])
        return run.exemptLan ? wholeRate(receiver, cid, mebibytes * MIB) : steadyRate(receiver, cid, seconds)
      })
      rows.push(
        benchRow({ bench: 'caps', metric, ours: bytesPerSecond / MB, limit: capBytes / MB, unit: 'MB/s' }),
      )
      rmSync(place, { recursive: true, force: true })
    }
    return rows
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function withNodes<T>(
  directory: string,
  capBytes: number,
  { capped, exemptLan }: Run,
  work: (sender: SkepProcess, receiver: SkepProcess) => Promise<T>,
): Promise<T> {
  const settings = [
    'network.listen=/ip4/127.0.0.1/tcp/0',
    'plugins.monitoring.port=0',
    'plugins.discovery.mdns.enabled=false',
    `plugins.exchange.bandwidth.exemptLan=${exemptLan}`,
  ]
  const start = (name: string, more: readonly string[]): Promise<SkepProcess> =>
    SkepProcess.start(join(directory, name), [
      ...[...settings, ...more].flatMap(setting => ['--set', setting]),
      ...['--log-level', 'warn'],
    ])
  const cap = [`plugins.exchange.bandwidth.${capped}BytesPerSecond=${capBytes}`]
  const sender = await start('sender', capped === 'upload' ? cap : [])
  const receiver = await start('receiver', capped === 'download' ? cap : [])
  try {
    return await work(sender, receiver)
  } finally {
    await Promise.all([sender.end(), receiver.end()])
  }
}

/** Bytes a second that arrive at the receiver's sockets, after the warm-up. */
async function steadyRate(receiver: SkepProcess, cid: string, seconds: number): Promise<number> {
  const fetching = receiver.run(['pin', 'add', cid])
  const before = await receivedBytes(receiver)
  while ((await receivedBytes(receiver)) < before + MIB) await wait(100)
  await wait(WARM_UP_SECONDS * 1000)
  const startedAt = performance.now()
  const startBytes = await receivedBytes(receiver)
  await wait(seconds * 1000)
  const endBytes = await receivedBytes(receiver)
  const rate = ((endBytes - startBytes) / (performance.now() - startedAt)) * 1000
  await receiver.end()
  await fetching
  return rate
}

async function wholeRate(receiver: SkepProcess, cid: string, bytes: number): Promise<number> {
  const startedAt = performance.now()
  await receiver.json(['pin', 'add', cid])
  return (bytes / (performance.now() - startedAt)) * 1000
}

async function receivedBytes({ ready }: SkepProcess): Promise<number> {
  const response = await fetch(new URL('/metrics', ready.monitoring))
  const match = /^skep_network_received_bytes_total (\S+)$/m.exec(await response.text())
  if (!match) throw new Error('the node tells no received bytes')
  return Number(match[1])
}
