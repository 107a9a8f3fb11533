/** Blocks remembered: some times what a peer may be asked at once. Beyond it the oldest are forgotten. */
export const MAX_RECENT = 4096

/** Keys of blocks that may still come although nobody waits for them any more: that is no fault of who sends them. */
export class Recent {
  readonly #keys = new Set<string>()

  get size(): number {
    return this.#keys.size
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  add(key: string): void {
    this.#keys.delete(key)
    this.#keys.add(key)
    const [oldest] = this.#keys
    if (this.#keys.size > MAX_RECENT && oldest !== undefined) this.#keys.delete(oldest)
  }
}
