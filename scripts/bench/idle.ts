import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { BOOKKEEPING_PERIOD_MS } from '../../core/storage/bookkeeping.ts'
import { SkepProcess } from '../../test/helpers/skep-process.ts'
import { build } from '../../test/package/executables.ts'
import { hostArchitecture } from '../package/settings.ts'
import { LoopDisk } from './loop-disk.ts'
import { anonymousBytesOf, cpuSecondsOf } from './process-sample.ts'
import { type BenchRow, benchRow } from './row.ts'

const MB = 1e6
const DAY_MS = 86_400_000
const DISK_BYTES = 700 * 1024 * 1024
const BARE_SERVER = `require('node:http').createServer(() => {}).listen(0, '127.0.0.1', () => console.log('up'))`

interface Idle {
  readonly anonymousBytes: number
  readonly cpuPercent: number
}

async function idleOf(pid: number, seconds: number): Promise<Idle> {
  const before = cpuSecondsOf(pid)
  await wait(seconds * 1000)
  return { anonymousBytes: anonymousBytesOf(pid), cpuPercent: ((cpuSecondsOf(pid) - before) / seconds) * 100 }
}

interface Writes {
  readonly idleBytes: number
  readonly idleMs: number
  /** With the batch that is saved once a period, and the end of the process. */
  readonly stopBytes: number
}

/** As if a batch were saved in every period, whether or not there is something to save. */
function bytesPerDay({ idleBytes, idleMs, stopBytes }: Writes): number {
  return (idleBytes / idleMs) * DAY_MS + stopBytes * (DAY_MS / BOOKKEEPING_PERIOD_MS)
}

/**
 * What an executable with the default plugins takes when nothing happens, beside a node from source and a bare Node HTTP
 * server; as root also what it writes in a day, journal and all, to a disk of its own.
 */
export async function idle({ seconds }: { readonly seconds: number }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-idle-'))
  const program = await build(hostArchitecture())
  const bareChild = spawn(process.execPath, ['-e', BARE_SERVER], { stdio: ['ignore', 'pipe', 'inherit'] })
  const start = (name: string, options = {}): Promise<SkepProcess> =>
    SkepProcess.start(join(directory, name), settingsOf(name), options)
  const disk = LoopDisk.mount(join(directory, 'disk'), DISK_BYTES)
  const executable = await start('disk/executable', { program })
  const unbundled = await start('unbundled')
  try {
    await once(bareChild.stdout, 'data')
    if (bareChild.pid === undefined) throw new Error('the bare server did not start')
    const startBytes = disk?.writtenBytes() ?? 0
    const startedAt = performance.now()
    const pids = [executable.pid, unbundled.pid, bareChild.pid]
    const [ours, source, bare] = await Promise.all(pids.map(pid => idleOf(pid, seconds)))
    if (!ours || !source || !bare) throw new Error('a process was not measured')
    const idleMs = performance.now() - startedAt
    const idleBytes = (disk?.writtenBytes() ?? 0) - startBytes
    await executable.end()
    const stopBytes = (disk?.writtenBytes() ?? 0) - startBytes - idleBytes
    const rows = (metric: string, unit: string, of: (idle: Idle) => number): BenchRow[] =>
      Object.entries({ unbundled: source, 'bare-node': bare }).map(([name, peer]) =>
        benchRow({
          bench: 'idle',
          metric,
          ours: of(ours),
          peer: { name, value: of(peer) },
          limit: of(bare),
          unit,
        }),
      )
    return [
      ...rows('memory', 'MB', ({ anonymousBytes }) => anonymousBytes / MB),
      ...rows('cpu', '%', ({ cpuPercent }) => cpuPercent),
      ...(disk ? [writesRow({ idleBytes, idleMs, stopBytes })] : []),
    ]
  } finally {
    await Promise.all([executable.end(), unbundled.end()])
    bareChild.kill()
    disk?.[Symbol.dispose]()
    rmSync(directory, { recursive: true, force: true })
  }
}

function writesRow(writes: Writes): BenchRow {
  return benchRow({
    bench: 'idle',
    metric: 'writes',
    ours: bytesPerDay(writes) / MB,
    unit: 'MB a day (device)',
  })
}

/** Every node asks for neighbours of its own name, so that none of the two has company. */
function settingsOf(name: string): string[] {
  return [
    'plugins.monitoring.port=0',
    'network.listen=/ip4/127.0.0.1/tcp/0',
    `plugins.discovery.mdns.serviceTag=_skep-${basename(name)}._udp.local`,
    // The disk of this bench is small.
    'storage.minFreeDiskBytes=16MiB',
  ].flatMap(setting => ['--set', setting])
}
