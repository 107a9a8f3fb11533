/** Uses between two steps, for each block held, as in Caffeine: enough for a change of hit ratio to stand out from chance. */
const SAMPLE_PER_BLOCK = 10
const MIN_SAMPLE = 256

/** The paper's, for traces where frequency is all. */
const MIN_SHARE = 0.01
const MAX_SHARE = 0.8
/** As in Caffeine: the first step, how each one shrinks, and the change of hit ratio that begins anew. */
const FIRST_STEP = 0.0625
const STEP_DECAY = 0.98
const RESTART_CHANGE = 0.05

const STATE_VALUES = 5

/**
 * Finds the window's share of the cache by hill climbing: as long as the hit ratio rises it goes on, and else turns round.
 * Einziger, Eytan, Friedman, Manes, "Adaptive Software Cache Management", Middleware '18.
 */
export class WindowClimber {
  #share = MIN_SHARE
  #step = FIRST_STEP
  #hits = 0
  #misses = 0
  #lastRatio = 0

  get share(): number {
    return this.#share
  }

  /** One use more; `blocks` is how many are held. */
  count(isHit: boolean, blocks: number): void {
    if (isHit) this.#hits += 1
    else this.#misses += 1
    if (this.#hits + this.#misses >= Math.max(MIN_SAMPLE, SAMPLE_PER_BLOCK * blocks)) this.#climb()
  }

  encode(): Uint8Array {
    const state = [this.#share, this.#step, this.#hits, this.#misses, this.#lastRatio]
    return new Uint8Array(Float64Array.from(state).buffer)
  }

  decode(state: Uint8Array): boolean {
    if (state.length !== STATE_VALUES * Float64Array.BYTES_PER_ELEMENT) return false
    const values = new Float64Array(new Uint8Array(state).buffer)
    const [share = 0, step = 0, hits = 0, misses = 0, lastRatio = 0] = values
    const isSound =
      share >= MIN_SHARE && share <= MAX_SHARE && Math.abs(step) <= FIRST_STEP && hits >= 0 && misses >= 0
    if (!isSound || !(lastRatio >= 0 && lastRatio <= 1)) return false
    this.#share = share
    this.#step = step
    this.#hits = hits
    this.#misses = misses
    this.#lastRatio = lastRatio
    return true
  }

  #climb(): void {
    const ratio = this.#hits / (this.#hits + this.#misses)
    const change = ratio - this.#lastRatio
    const direction = Math.sign(this.#step) * (change >= 0 ? 1 : -1)
    const length = Math.abs(change) >= RESTART_CHANGE ? FIRST_STEP : Math.abs(this.#step) * STEP_DECAY
    this.#step = direction * length
    this.#share = Math.min(MAX_SHARE, Math.max(MIN_SHARE, this.#share + this.#step))
    this.#lastRatio = ratio
    this.#hits = 0
    this.#misses = 0
  }
}
