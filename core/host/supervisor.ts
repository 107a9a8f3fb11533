import { messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { HEALTHY, type Health } from '../plugin.ts'
import type { LoopStatus } from '../state/node-state.ts'
import type { Clock } from './clock.ts'
import { hostError } from './errors.ts'
import { afterFailure, type FailureRow, kindOf, type Verdict } from './restart-policy.ts'

/** Loops one plugin may have. A plugin names its loops in its code; more of them is a leak. Ended ones leave first. */
export const MAX_LOOPS = 32

export type LoopBody = (signal: AbortSignal) => Promise<void>

interface SupervisorOptions {
  /** The plugin's own: ends every loop. */
  readonly signal: AbortSignal
}

interface SupervisorDependencies {
  readonly log: Logger
  readonly clock: Clock
  /** 0 to 1. */
  random(): number
}

interface Loop {
  readonly name: string
  state: LoopStatus['state']
  restarts: number
  /** Of the last failure, until the loop runs again. */
  reason?: string
  ended?: Promise<void>
}

/** Keeps the background loops of one plugin going. */
export class Supervisor {
  readonly #signal: AbortSignal
  readonly #dependencies: SupervisorDependencies
  readonly #loops = new Map<string, Loop>()

  constructor({ signal }: SupervisorOptions, dependencies: SupervisorDependencies) {
    this.#signal = signal
    this.#dependencies = dependencies
  }

  /**
   * Runs `body` until it returns or the plugin stops, and again whenever it throws.
   *
   * @throws SkepError LOOP_REFUSED where a loop of that name still runs, or too many do
   */
  supervise(name: string, body: LoopBody): void {
    if (this.#signal.aborted) return
    this.#makeRoom(name)
    const loop: Loop = { name, state: 'running', restarts: 0 }
    this.#loops.set(name, loop)
    loop.ended = this.#run(loop, body)
  }

  /** Resolves when no loop runs any more. Abort the signal first. */
  async ended(): Promise<void> {
    await Promise.all([...this.#loops.values()].map(loop => loop.ended))
  }

  /** Names of the loops that haven't ended. */
  unfinished(): string[] {
    return [...this.#loops.values()].filter(loop => loop.state !== 'done').map(loop => loop.name)
  }

  status(): LoopStatus[] {
    return [...this.#loops.values()].map(({ name, state, restarts }) => ({ name, state, restarts }))
  }

  health(): Health {
    const reasons = [...this.#loops.values()].flatMap(loop => loop.reason ?? [])
    return reasons.length === 0 ? HEALTHY : { status: 'degraded', reason: reasons.join('; ') }
  }

  async #run(loop: Loop, body: LoopBody): Promise<void> {
    const { clock } = this.#dependencies
    let row: FailureRow | undefined
    while (!this.#signal.aborted) {
      const startedMs = clock.now()
      try {
        await body(this.#signal)
        break
      } catch (error) {
        if (this.#signal.aborted) break
        const verdict = afterFailure(row, kindOf(error), clock.now() - startedMs, this.#dependencies.random)
        row = verdict.row
        this.#note(loop, verdict, error)
        await clock.delay(verdict.delayMs, this.#signal).catch(() => {})
        if (this.#signal.aborted) break
        loop.restarts++
        loop.state = 'running'
        delete loop.reason
      }
    }
    loop.state = 'done'
    delete loop.reason
  }

  #note(loop: Loop, { row, broken, delayMs }: Verdict, error: unknown): void {
    const { name } = loop
    const message = messageOf(error)
    loop.state = broken ? 'broken' : 'waiting'
    loop.reason = broken
      ? `loop ${name} failed ${row.identical} times in a row: ${message}`
      : `loop ${name} failed and will be tried again: ${message}`
    this.#dependencies.log[broken ? 'error' : 'warn']({ loop: name, err: error, delayMs }, 'loop failed')
  }

  #makeRoom(name: string): void {
    const before = this.#loops.get(name)
    if (before && before.state !== 'done') {
      throw hostError('LOOP_REFUSED', `a loop named ${name} already runs`)
    }
    this.#loops.delete(name)
    if (this.#loops.size < MAX_LOOPS) return
    const oldestDone = [...this.#loops.values()].find(loop => loop.state === 'done')
    if (!oldestDone) throw hostError('LOOP_REFUSED', `no room for loop ${name}: ${MAX_LOOPS} already run`)
    this.#loops.delete(oldestDone.name)
  }
}
