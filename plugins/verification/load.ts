import type { MemoryBudget } from '../../core/api.ts'

/** A timer this late says that the processor has enough to do. */
const MAX_LATE_MS = 50

/** Whether the node has better things to do than to scrub: blocks are on their way in or out, or the event loop is late. */
export class Load {
  readonly #memory: Pick<MemoryBudget, 'usedBytes'>
  #lateMs = 0

  constructor(memory: Pick<MemoryBudget, 'usedBytes'>) {
    this.#memory = memory
  }

  /** A timer fired that late. */
  woke(lateMs: number): void {
    this.#lateMs = lateMs
  }

  isBusy(): boolean {
    return this.#memory.usedBytes > 0 || this.#lateMs > MAX_LATE_MS
  }
}
