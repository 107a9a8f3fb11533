import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from '../../test/package/executables.ts'
import { hostArchitecture } from '../package/settings.ts'
import { type BenchRow, benchRow, median } from './row.ts'

const POLL_INTERVAL_MS = 5
const CLI = fileURLToPath(new URL('../../core/cli/main.ts', import.meta.url))

/** What any Node program pays: a bare HTTP server. */
const BARE_SERVER = `require('node:http').createServer((_, answer) => answer.end()).listen(Number(process.argv[1]), '127.0.0.1')`

/** Milliseconds from spawning `command` until GET /readyz on `port` answers 200; then it is told to stop. */
async function timeToReady(command: readonly string[], port: number): Promise<number> {
  const [program = '', ...args] = command
  const startedAt = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const exited = once(child, 'exit')
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} before it was ready`)
    await new Promise(resolve => setTimeout(resolve, POLL_INTERVAL_MS))
  }
  const elapsedMs = performance.now() - startedAt
  child.kill('SIGTERM')
  await exited
  return elapsedMs
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Start of the executable to `/readyz`, beside a node from source and a bare Node HTTP server: no Node program gets below that. */
export async function startup({ runs }: { readonly runs: number }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-startup-'))
  const executable = await build(hostArchitecture())
  const contenders = {
    executable: (port: number) => [...executable, ...startArguments(directory, port)],
    unbundled: (port: number) => [process.execPath, CLI, ...startArguments(directory, port)],
    'bare-node': (port: number) => [process.execPath, '-e', BARE_SERVER, String(port)],
  }
  const times: Record<keyof typeof contenders, number[]> = { executable: [], unbundled: [], 'bare-node': [] }
  try {
    for (let run = 0; run < runs; run++) {
      for (const name of Object.keys(contenders) as (keyof typeof contenders)[]) {
        const port = await freePort()
        times[name].push(await timeToReady(contenders[name](port), port))
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return (['unbundled', 'bare-node'] as const).map(name =>
    benchRow({
      bench: 'startup',
      metric: 'ready',
      ours: median(times.executable),
      peer: { name, value: median(times[name]) },
      limit: median(times['bare-node']),
      unit: 'ms',
    }),
  )
}

function startArguments(directory: string, port: number): string[] {
  const settings = [`plugins.monitoring.port=${port}`, 'network.listen=/ip4/127.0.0.1/tcp/0']
  const sets = settings.flatMap(setting => ['--set', setting])
  return ['start', '--data', directory, '--log-level', 'warn', ...sets]
}
