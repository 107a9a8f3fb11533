import { type Health, messageOf, untilAborted } from '../../core/api.ts'
import { monitoringError } from './errors.ts'
import type { Outcome, Probe } from './probes.ts'

export interface HealthRoundsOptions {
  /** How long a round answers further requests. */
  readonly cacheMs: number
  readonly probeTimeoutMs: number
}

export interface HealthRoundsDependencies {
  readonly probes: readonly Probe[]
  readonly onResult: (result: ProbeResult) => void
  /** Ends the probes that run. */
  readonly signal: AbortSignal
  /** Monotonic. */
  readonly nowMs: () => number
}

export interface ProbeResult extends Outcome {
  readonly name: string
  readonly durationMs: number
}

/** What all probes saw. Its status is the worst of theirs. */
export interface Round {
  readonly status: Health['status']
  readonly probes: readonly ProbeResult[]
}

/**
 * Runs the probes. However often it is asked, one round runs at a time and its result is good for a moment, so that
 * health checks can't be used to keep the node busy.
 */
export class HealthRounds {
  readonly #options: HealthRoundsOptions
  readonly #dependencies: HealthRoundsDependencies
  /** Probes that run, by name. One that outlives its time limit isn't started again before it ends. */
  readonly #busy = new Set<string>()
  #running: Promise<Round> | undefined
  #last: { readonly round: Round; readonly endMs: number } | undefined

  constructor(options: HealthRoundsOptions, dependencies: HealthRoundsDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** The result of the last round where it is fresh, else of a new one. Never rejects. */
  check(): Promise<Round> {
    const { nowMs } = this.#dependencies
    if (this.#last && nowMs() - this.#last.endMs < this.#options.cacheMs)
      return Promise.resolve(this.#last.round)
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #round(): Promise<Round> {
    const { probes, nowMs, onResult } = this.#dependencies
    const results = await Promise.all(probes.map(probe => this.#result(probe)))
    for (const result of results) onResult(result)
    const round = { status: worst(results), probes: results }
    this.#last = { round, endMs: nowMs() }
    return round
  }

  async #result(probe: Probe): Promise<ProbeResult> {
    const { nowMs } = this.#dependencies
    const startMs = nowMs()
    const outcome = await this.#outcome(probe).catch(
      (error): Outcome => ({ status: 'failed', reason: messageOf(error) }),
    )
    return { name: probe.name, ...outcome, durationMs: Math.round((nowMs() - startMs) * 1000) / 1000 }
  }

  async #outcome(probe: Probe): Promise<Outcome> {
    const { signal } = this.#dependencies
    if (this.#busy.has(probe.name)) throw monitoringError('PROBE_TIMEOUT', 'its last run has not ended yet')
    const { probeTimeoutMs } = this.#options
    const limit = new AbortController()
    const timer = setTimeout(() => {
      limit.abort(monitoringError('PROBE_TIMEOUT', `took longer than ${probeTimeoutMs} ms`))
    }, probeTimeoutMs)
    this.#busy.add(probe.name)
    try {
      const over = AbortSignal.any([signal, limit.signal])
      const run = probe.run(over).finally(() => this.#busy.delete(probe.name))
      return await untilAborted(run, over)
    } finally {
      clearTimeout(timer)
    }
  }
}

const ORDER: readonly Health['status'][] = ['ok', 'degraded', 'failed']

function worst(results: readonly ProbeResult[]): Health['status'] {
  return ORDER.findLast(status => results.some(result => result.status === status)) ?? 'ok'
}
