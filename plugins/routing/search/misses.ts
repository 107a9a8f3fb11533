/** Keys remembered; the one remembered longest ago is forgotten first. */
const MAX_MISSES = 1024

export interface MissesOptions {
  readonly durationMs: number
}

/** What was looked for in vain a moment ago. */
export class Misses {
  readonly #durationMs: number
  readonly #nowMs: () => number
  /** When each ends. All last equally long, so that they stand in the order of their end. */
  readonly #ends = new Map<string, number>()

  constructor({ durationMs }: MissesOptions, { nowMs }: { readonly nowMs: () => number }) {
    this.#durationMs = durationMs
    this.#nowMs = nowMs
  }

  get size(): number {
    return this.#ends.size
  }

  add(key: string): void {
    if (this.#durationMs === 0) return
    this.#ends.delete(key)
    this.#ends.set(key, this.#nowMs() + this.#durationMs)
    this.#trim()
  }

  has(key: string): boolean {
    const endMs = this.#ends.get(key)
    return endMs !== undefined && endMs > this.#nowMs()
  }

  #trim(): void {
    for (const [key, endMs] of this.#ends) {
      if (this.#ends.size <= MAX_MISSES && endMs > this.#nowMs()) return
      this.#ends.delete(key)
    }
  }
}
