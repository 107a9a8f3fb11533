/** Time that a test moves, and the one timer of a pacer. */
export class FakeClock {
  nowMs = 0
  wakes = 0
  readonly #timers = new Set<{ atMs: number; callback: () => void }>()

  readonly now = (): number => this.nowMs

  readonly wake = (delayMs: number, callback: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  get waiting(): boolean {
    return this.#timers.size > 0
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (!next) break
      this.#timers.delete(next)
      this.nowMs = next.atMs
      this.wakes++
      next.callback()
    }
    this.nowMs = endMs
  }
}
