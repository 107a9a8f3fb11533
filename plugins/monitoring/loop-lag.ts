import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'

/** Ten looks a second: a stall of that length is what a user feels, and an idle board hardly wakes for it. */
const RESOLUTION_MS = 100

/** How long a stall is told at least. */
const WINDOW_MS = 10_000

/** How late the event loop is. */
export class LoopLag {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #nowMs: () => number
  #windowStartMs = 0
  #lastWindowMs = 0

  constructor({ nowMs }: { readonly nowMs: () => number }) {
    this.#nowMs = nowMs
  }

  start(): void {
    this.#histogram.reset()
    this.#lastWindowMs = 0
    this.#windowStartMs = this.#nowMs()
    this.#histogram.enable()
  }

  stop(): void {
    this.#histogram.disable()
  }

  /** The worst of the last moments: at least {@link WINDOW_MS}, and twice that where it is asked for steadily. */
  recentMs(): number {
    const worstMs = this.#histogram.count === 0 ? 0 : Math.max(0, this.#histogram.max / 1e6 - RESOLUTION_MS)
    const recentMs = Math.max(worstMs, this.#lastWindowMs)
    if (this.#nowMs() - this.#windowStartMs >= WINDOW_MS) {
      this.#lastWindowMs = worstMs
      this.#windowStartMs = this.#nowMs()
      this.#histogram.reset()
    }
    return recentMs
  }

  /** How long one whole turn of the loop takes right now. */
  async turnMs(): Promise<number> {
    const startMs = this.#nowMs()
    await setImmediate()
    await setImmediate()
    return this.#nowMs() - startMs
  }
}
