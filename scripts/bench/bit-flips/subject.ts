import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Client, createClient } from '../../../core/cli/client.ts'
import { QUIET } from '../../../test/helpers/quiet-node.ts'

const CLI = fileURLToPath(new URL('../../../core/cli/main.ts', import.meta.url))

/** As long as a service manager would wait, more or less; a node that is well needs two seconds. */
const START_LIMIT_MS = 60_000

/** As long as systemd gives it: `TimeoutStopSec` of its unit. */
const END_LIMIT_MS = 60_000

/** A pass of the scrub as short as it gets, so that its findings can be waited for. */
const SETTINGS = [
  ...QUIET,
  ...['plugins.verification.periodMs=2s', 'plugins.verification.maxBytesPerSecond=1GiB'].flatMap(setting => [
    '--set',
    setting,
  ]),
  ...['--log-level', 'info'],
]

/** A node that may die or hang at any moment, and is ended then, as a service manager would. */
export class Subject {
  readonly client: Client
  readonly #directory: string
  #child: ChildProcess | undefined
  #log: string[] = []

  constructor(directory: string) {
    this.#directory = directory
    this.client = createClient(join(directory, 'skep.sock'))
  }

  /** What it logged since the last start, and how it ended. */
  get log(): readonly string[] {
    return this.#log
  }

  /** Resolves when it is ready; throws where it ends before that, or takes too long. */
  async start(): Promise<void> {
    const command = [CLI, 'start', '--json', '--data', this.#directory, ...SETTINGS]
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#log = []
    createInterface({ input: child.stderr }).on('line', line => this.#log.push(line))
    const ended = once(child, 'exit').then(([code, signal]) => {
      this.#log.push(`ended with ${code ?? signal}`)
      throw new Error(`ended with ${code ?? signal}`)
    })
    ended.catch(() => {})
    const ready = once(createInterface({ input: child.stdout }), 'line', {
      signal: AbortSignal.timeout(START_LIMIT_MS),
    })
    await Promise.race([ready, ended])
  }

  /** Ends it, well or not. Idempotent. Throws where it doesn't end in time, and kills it then. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit', { signal: AbortSignal.timeout(END_LIMIT_MS) })
    child.kill(signal)
    try {
      await exited
    } catch (cause) {
      child.kill('SIGKILL')
      throw new Error(`did not end in ${END_LIMIT_MS} ms after ${signal}:\n${this.#log.join('\n')}`, {
        cause,
      })
    }
  }
}
