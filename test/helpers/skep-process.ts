import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createClient } from '../../core/cli/client.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'

const CLI = fileURLToPath(new URL('../../core/cli/main.ts', import.meta.url))

/** As long as systemd gives it: `TimeoutStopSec` of its unit. */
const END_LIMIT_MS = 60_000

/** The line that `skep start --json` prints once the node is up. */
export interface Ready {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly monitoring?: string
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly input?: Uint8Array | string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Run the command inside this network namespace. */
  readonly namespace?: string
  /** The command line to run; from source by default. */
  readonly program?: readonly string[]
  /** Given the process, to read along or to signal it. */
  readonly onStart?: (child: ChildProcess) => void
}

function spawnCli(args: readonly string[], options: RunOptions): ChildProcess {
  const { env, cwd, namespace, program: cli = [process.execPath, CLI] } = options
  const command = [...cli, ...args]
  const [program = '', ...rest] = namespace ? ['ip', 'netns', 'exec', namespace, ...command] : command
  return spawn(program, rest, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
}

/** Runs one command of the CLI to its end. */
export async function skep(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawnCli(args, options)
  options.onStart?.(child)
  const closed = once(child, 'close')
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  // A command that doesn't read its input may be gone before it is written.
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input ?? '')
  const [code] = await closed
  return { code, ...output }
}

/** A node in a process of its own, as a user starts it. */
export class SkepProcess {
  readonly pid: number
  readonly directory: string
  readonly ready: Ready
  readonly #child: ChildProcess
  readonly #options: RunOptions
  readonly #log: string[]

  private constructor(
    child: ChildProcess,
    pid: number,
    directory: string,
    ready: Ready,
    options: RunOptions,
    log: string[],
  ) {
    this.#child = child
    this.pid = pid
    this.directory = directory
    this.ready = ready
    this.#options = options
    this.#log = log
  }

  /** Resolves once the node says that it is up; throws with what it printed where it ends before. */
  static async start(
    directory: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<SkepProcess> {
    const child = spawnCli(['start', '--json', '--data', directory, ...args], options)
    const log: string[] = []
    if (!child.stdout || !child.stderr) throw new Error('the node has no pipes')
    createInterface({ input: child.stderr }).on('line', line => log.push(line))
    const lines = createInterface({ input: child.stdout })
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the node ended with ${code} before it was ready:\n${log.join('\n')}`)
    })
    ended.catch(() => {})
    const [line] = await Promise.race([once(lines, 'line'), ended])
    return new SkepProcess(child, pidOf(child), directory, JSON.parse(line), options, log)
  }

  /** Log lines so far, oldest first. */
  get log(): readonly string[] {
    return this.#log
  }

  /** The exit code, or the signal that killed it; undefined while it runs. */
  get ended(): number | NodeJS.Signals | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined
  }

  /** Runs a command against this node. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return skep([...args, '--data', this.directory], { ...this.#options, ...options })
  }

  /** Runs a command with `--json` that has to succeed, and parses what it printed. */
  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options)
    if (code !== 0) throw new Error(`skep ${args.join(' ')} ended with ${code}: ${stderr}`)
    return JSON.parse(stdout) as T
  }

  /** What `skep status --json` tells, without the start of a process each time: for what is waited for. */
  status(): Promise<NodeStatus> {
    return createClient(join(this.directory, 'skep.sock')).get<NodeStatus>('status')
  }

  /**
   * Sends a signal and resolves with the exit code, or null where the signal killed it. Idempotent. Kills a node that doesn't
   * end, and throws with what it logged.
   */
  async end(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    const exited = once(this.#child, 'exit', { signal: AbortSignal.timeout(END_LIMIT_MS) })
    this.#child.kill(signal)
    try {
      const [code] = await exited
      return code
    } catch (cause) {
      this.#child.kill('SIGKILL')
      throw new Error(`the node did not end on ${signal}:\n${this.#log.join('\n')}`, { cause })
    }
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the node has no pid')
  return child.pid
}
