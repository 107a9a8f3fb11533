import { setTimeout } from 'node:timers/promises'
import { fullBucket, type Rate, refill, type WaitOptions } from '../../../core/api.ts'

export interface PaceDependencies {
  /** Monotonic milliseconds. */
  now(): number
}

/** Makes whoever has taken more than its rate wait until that is made up for. */
export class Pace {
  readonly #rate: Rate
  readonly #now: () => number
  #bucket: ReturnType<typeof fullBucket>

  constructor(rate: Rate, { now }: PaceDependencies) {
    this.#rate = rate
    this.#now = now
    this.#bucket = fullBucket(rate, now())
  }

  async take(tokens: number, { signal }: WaitOptions = {}): Promise<void> {
    const nowMs = this.#now()
    const left = refill(this.#bucket, this.#rate, nowMs).tokens - tokens
    this.#bucket = { tokens: left, atMs: nowMs }
    if (left < 0) await setTimeout((-left / this.#rate.perSecond) * 1000, undefined, { signal, ref: false })
  }
}
