/** Blocks remembered: some times what a peer may be asked at once. Beyond it the oldest are forgotten. */
export const MAX_RECENT = 4096

/** Keys of blocks that may still come although nobody waits for them any more: once that is no fault of who sends them. */
export class Recent {
  /** Whether it has come since. */
  readonly #came = new Map<string, boolean>()

  get size(): number {
    return this.#came.size
  }

  has(key: string): boolean {
    return this.#came.has(key)
  }

  /** True the first time that it comes after it was added. */
  excuses(key: string): boolean {
    if (this.#came.get(key) !== false) return false
    this.#came.set(key, true)
    return true
  }

  add(key: string): void {
    this.#came.delete(key)
    this.#came.set(key, false)
    const [oldest] = this.#came.keys()
    if (this.#came.size > MAX_RECENT && oldest !== undefined) this.#came.delete(oldest)
  }
}
