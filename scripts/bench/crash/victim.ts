import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Client, createClient } from '../../../core/cli/client.ts'
import { QUIET } from '../../../test/helpers/quiet-node.ts'
import { SkepProcess } from '../../../test/helpers/skep-process.ts'

const CLI = fileURLToPath(new URL('../../../core/cli/main.ts', import.meta.url))

/** Small, so that it is soon full; a burst has room beside all that may be pinned, each in slots larger than its blocks. */
export const VICTIM_BYTES = 64 * 1024 * 1024

/** Ends a process, by `kill` and perhaps more, so that the store can be looked at. */
export type Cut = (kill: () => Promise<void>) => Promise<void>

/** The node that is killed. */
export class Victim {
  readonly client: Client
  readonly #process: SkepProcess

  private constructor(process: SkepProcess) {
    this.#process = process
    this.client = createClient(join(process.directory, 'skep.sock'))
  }

  /** Resolves when it answers. */
  static async start(directory: string): Promise<Victim> {
    return new Victim(await SkepProcess.start(directory, VICTIM_ARGS))
  }

  /** Cuts it `delayMs` after it was spawned, which may be before it is up. */
  static async cutStart(directory: string, { delayMs, cut }: { delayMs: number; cut: Cut }): Promise<void> {
    const command = [CLI, 'start', '--data', directory, ...VICTIM_ARGS]
    const child = spawn(process.execPath, command, { stdio: 'ignore' })
    const ended = once(child, 'exit')
    await setTimeout(delayMs)
    await cut(async () => {
      child.kill('SIGKILL')
      await ended
    })
  }

  async stop(): Promise<void> {
    await this.#process.end()
  }

  async kill(): Promise<void> {
    await this.#process.end('SIGKILL')
  }
}

const VICTIM_ARGS = [
  ...QUIET,
  ...['--set', `storage.maxBytes=${VICTIM_BYTES}`, '--set', 'storage.minFreeDiskBytes=0'],
  ...['--log-level', 'fatal'],
]
