import { faster, INITIAL_PACE, type Pace, slower } from './pace.ts'

/** Shorter samples measure the event loop instead of the peer. */
const MIN_SAMPLE_MS = 20

/** Watches what a peer owes and delivers, and keeps its pace. Times are of one monotonic clock. */
export class Meter {
  readonly #maxWindowBytes: number
  #pace: Pace = INITIAL_PACE
  #outstandingBytes = 0
  #deliveredBytes = 0
  /** The most that was outstanding during the sample. */
  #peakBytes = 0
  #elapsedMs = 0
  #markMs = 0
  #isStalled = false

  constructor(maxWindowBytes: number) {
    this.#maxWindowBytes = maxWindowBytes
  }

  get outstandingBytes(): number {
    return this.#outstandingBytes
  }

  get roomBytes(): number {
    return this.#pace.windowBytes - this.#outstandingBytes
  }

  get bytesPerMs(): number {
    return this.#pace.bytesPerMs
  }

  asked(bytes: number, nowMs: number): void {
    if (this.#outstandingBytes === 0) this.#markMs = nowMs
    this.#outstandingBytes += bytes
    this.#peakBytes = Math.max(this.#peakBytes, this.#outstandingBytes)
  }

  /** `askedBytes`: what was reckoned with; `deliveredBytes`: what came. */
  settled(askedBytes: number, deliveredBytes: number): void {
    this.#outstandingBytes -= askedBytes
    this.#deliveredBytes += deliveredBytes
    if (deliveredBytes > 0) this.#isStalled = false
  }

  /** The stream is gone, and with it all that was outstanding. */
  reset(): void {
    this.#outstandingBytes = 0
    this.#deliveredBytes = 0
    this.#elapsedMs = 0
  }

  /** Learns from what has come since the last time, once that is enough to tell. */
  learn(nowMs: number): void {
    const idle = this.#outstandingBytes === 0 && this.#deliveredBytes === 0
    this.#elapsedMs = idle ? 0 : this.#elapsedMs + nowMs - this.#markMs
    this.#markMs = nowMs
    if (this.#elapsedMs < MIN_SAMPLE_MS || this.#deliveredBytes === 0) return
    const sample = {
      bytes: this.#deliveredBytes,
      elapsedMs: this.#elapsedMs,
      full: this.#peakBytes > this.#pace.windowBytes / 2,
    }
    this.#pace = faster(this.#pace, sample, this.#maxWindowBytes)
    this.#deliveredBytes = 0
    this.#elapsedMs = 0
    this.#peakBytes = this.#outstandingBytes
  }

  ease(): void {
    this.#pace = slower(this.#pace, this.#maxWindowBytes)
  }

  /** What is owed is late: half the window, once until something comes again. */
  stall(): void {
    if (this.#isStalled) return
    this.#isStalled = true
    this.ease()
  }
}
