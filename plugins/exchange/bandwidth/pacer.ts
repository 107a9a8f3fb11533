import { fullBucket, type Rate, refill, type TokenBucket } from '../../../core/api.ts'

export interface PacerDependencies {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Calls `callback` after `delayMs`; returns the function that calls it off. */
  wake(delayMs: number, callback: () => void): () => void
}

export interface Turn {
  /** What is spent when the turn comes. */
  readonly bytes: number
  /** Small, and others wait for it: goes at once within what half a second carries, and is made up for afterwards. */
  readonly urgent?: boolean
  /** Gives up the turn. */
  readonly signals: readonly AbortSignal[]
}

interface Waiter {
  readonly bytes: number
  grant(): void
}

/** What may go at once after a rest: enough to make good for a garbage collection or a round trip without traffic. */
export const BURST_SECONDS = 0.5

/** Wakes come no more often than this. */
const MIN_WAKE_MS = 5

/**
 * Keeps what passes to a rate. It runs up a debt and waits until that is paid: a block larger than the burst passes, and what
 * counts is the average. First come, first served; as many wait as there are callers. One timer, and none while nobody waits.
 */
export class Pacer {
  readonly #deps: PacerDependencies
  readonly #waiting = new Set<Waiter>()
  #rate: Rate
  #bucket: TokenBucket
  /** Spent by urgent turns during the debt. */
  #urgentBytes = 0
  #callOff: (() => void) | undefined

  constructor(bytesPerSecond: number, deps: PacerDependencies) {
    this.#deps = deps
    this.#rate = rateOf(bytesPerSecond)
    this.#bucket = fullBucket(this.#rate, deps.now())
  }

  get isCapped(): boolean {
    return this.#rate.perSecond !== Number.POSITIVE_INFINITY
  }

  get bytesPerSecond(): number {
    return this.#rate.perSecond
  }

  set bytesPerSecond(bytesPerSecond: number) {
    if (bytesPerSecond === this.#rate.perSecond) return
    const wasCapped = this.isCapped
    if (wasCapped) this.#refill()
    this.#rate = rateOf(bytesPerSecond)
    if (!wasCapped) this.#bucket = fullBucket(this.#rate, this.#deps.now())
    this.#sleep()
    this.#grant()
  }

  /** Resolves when it may go; undefined: at once. Rejects with the reason of the signal that aborts first. */
  turn({ bytes, urgent = false, signals }: Turn): Promise<void> | undefined {
    if (!this.isCapped) return undefined
    this.#refill()
    const inTurn = this.#waiting.size === 0 && this.#bucket.tokens > 0
    if (inTurn || (urgent && this.#urgentBytes < this.#rate.burst)) {
      this.spend(bytes, { urgent: !inTurn })
      return undefined
    }
    return this.#wait(bytes, signals)
  }

  /** Counts what has passed without a turn, or more than its turn said. */
  spend(bytes: number, { urgent = false } = {}): void {
    if (!this.isCapped) return
    this.#bucket = { ...this.#bucket, tokens: this.#bucket.tokens - bytes }
    if (urgent) this.#urgentBytes += bytes
  }

  /** Lets all pass, now and from now on. */
  stop(): void {
    this.bytesPerSecond = Number.POSITIVE_INFINITY
  }

  #refill(): void {
    this.#bucket = refill(this.#bucket, this.#rate, this.#deps.now())
    if (this.#bucket.tokens > 0) this.#urgentBytes = 0
  }

  #wait(bytes: number, signals: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter)
        for (const signal of signals) signal.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => {
        leave()
        reject(signals.find(signal => signal.aborted)?.reason)
        if (this.#waiting.size === 0) this.#sleep()
      }
      const waiter: Waiter = {
        bytes,
        grant() {
          leave()
          resolve()
        },
      }
      if (signals.some(signal => signal.aborted)) return onAbort()
      for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(waiter)
      this.#grant()
    })
  }

  #sleep(): void {
    this.#callOff?.()
    this.#callOff = undefined
  }

  #grant(): void {
    if (this.isCapped) this.#refill()
    for (const waiter of this.#waiting) {
      if (this.isCapped && this.#bucket.tokens <= 0) break
      this.spend(waiter.bytes)
      waiter.grant()
    }
    if (this.#waiting.size === 0 || this.#callOff) return
    const debtMs = (-this.#bucket.tokens / this.#rate.perSecond) * 1000
    this.#callOff = this.#deps.wake(Math.max(MIN_WAKE_MS, Math.ceil(debtMs) + 1), () => {
      this.#callOff = undefined
      this.#grant()
    })
  }
}

function rateOf(bytesPerSecond: number): Rate {
  return { perSecond: bytesPerSecond, burst: bytesPerSecond * BURST_SECONDS }
}
