import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { MeshEvent, MeshFleet, MeshOptions, MeshState } from '../integration/mesh-node.ts'

const NODE = fileURLToPath(new URL('../integration/mesh-node.ts', import.meta.url))

/** A node that finds others, in a network namespace of its own. */
export class MeshProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #started = Promise.withResolvers<Extract<MeshEvent, { event: 'started' }>>()
  #state: MeshState | undefined
  #more = Promise.withResolvers<void>()

  constructor(namespace: string, options: MeshOptions) {
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, NODE, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#exited = once(this.#child, 'exit')
    if (!this.#child.stdout) throw new Error('the node has no output')
    createInterface({ input: this.#child.stdout }).on('line', line => {
      const event: MeshEvent = JSON.parse(line)
      if (event.event === 'started') this.#started.resolve(event)
      else this.#state = event
      this.#more.resolve()
      this.#more = Promise.withResolvers()
    })
  }

  /** Who it is, once it runs. */
  get started(): Promise<{ readonly peer: string; readonly addresses: readonly string[] }> {
    return this.#started.promise
  }

  get state(): MeshState | undefined {
    return this.#state
  }

  /** The first state from now on that `isWanted`. */
  async reaches(what: string, isWanted: (state: MeshState) => boolean): Promise<MeshState> {
    for (;;) {
      if (this.#state && isWanted(this.#state)) return this.#state
      const ended = this.#exited.then(() => Promise.reject(new Error(`it ended before ${what}`)))
      await Promise.race([this.#more.promise, ended])
    }
  }

  /** It is in that fleet from now on. */
  enter(fleet: MeshFleet): void {
    this.#child.stdin?.write(`${JSON.stringify(fleet)}\n`)
  }

  /** As if the machine slept: nothing of it runs until `SIGCONT`. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Resolves with its exit code. */
  async end(): Promise<number | null> {
    // A test that failed may have left it asleep.
    this.signal('SIGCONT')
    this.#child.stdin?.end()
    await this.#exited
    return this.#child.exitCode
  }
}
