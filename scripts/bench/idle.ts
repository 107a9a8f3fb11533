import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { SkepProcess } from '../../test/helpers/skep-process.ts'
import { anonymousBytesOf, cpuSecondsOf } from './process-sample.ts'
import { type BenchRow, benchRow } from './row.ts'

const MB = 1e6
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

/** What a node with the default plugins takes when nothing happens, beside a bare Node HTTP server. */
export async function idle({ seconds }: { readonly seconds: number }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-idle-'))
  const bareChild = spawn(process.execPath, ['-e', BARE_SERVER], { stdio: ['ignore', 'pipe', 'inherit'] })
  const sets = ['plugins.monitoring.port=0', 'network.listen=/ip4/127.0.0.1/tcp/0'].flatMap(set => [
    '--set',
    set,
  ])
  const node = await SkepProcess.start(directory, sets)
  try {
    await once(bareChild.stdout, 'data')
    if (bareChild.pid === undefined) throw new Error('the bare server did not start')
    const [ours, bare] = await Promise.all([idleOf(node.pid, seconds), idleOf(bareChild.pid, seconds)])
    const row = (metric: string, unit: string, of: (idle: Idle) => number): BenchRow =>
      benchRow({
        bench: 'idle',
        metric,
        ours: of(ours),
        peer: { name: 'bare-node', value: of(bare) },
        limit: of(bare),
        unit,
      })
    return [
      row('memory', 'MB', ({ anonymousBytes }) => anonymousBytes / MB),
      row('cpu', '%', ({ cpuPercent }) => cpuPercent),
    ]
  } finally {
    await node.end()
    bareChild.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}
