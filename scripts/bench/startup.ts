import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BenchRow, benchRow, median } from './row.ts'

const POLL_INTERVAL_MS = 5
const CLI = fileURLToPath(new URL('../../core/cli/main.ts', import.meta.url))

/** What any Node program pays: a bare HTTP server. */
const BARE_SERVER = `require('node:http').createServer((_, answer) => answer.end()).listen(Number(process.argv[1]), '127.0.0.1')`

/** Milliseconds from spawning `args` under this Node until GET /readyz on `port` answers 200; then it is told to stop. */
async function timeToReady(args: readonly string[], port: number): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
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

/** Start of a node from source to `/readyz`, beside a bare Node HTTP server: the start that no Node program gets below. */
export async function startup({ runs }: { readonly runs: number }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-startup-'))
  const ours: number[] = []
  const bare: number[] = []
  try {
    for (let run = 0; run < runs; run++) {
      const port = await freePort()
      const settings = [`plugins.monitoring.port=${port}`, 'network.listen=/ip4/127.0.0.1/tcp/0']
      const sets = settings.flatMap(setting => ['--set', setting])
      ours.push(await timeToReady([CLI, 'start', '--data', directory, '--log-level', 'warn', ...sets], port))
      bare.push(await timeToReady(['-e', BARE_SERVER, String(port)], port))
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return [
    benchRow({
      bench: 'startup',
      metric: 'ready',
      ours: median(ours),
      peer: { name: 'bare-node', value: median(bare) },
      limit: median(bare),
      unit: 'ms',
    }),
  ]
}
