import { type Entries, type List, NO_SLOT } from './entries.ts'
import { MAX_SECOND_CHANCES, type Policy, type PolicyOptions } from './policy.ts'

/**
 * SIEVE: Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is Simpler than LRU", NSDI '24.
 *
 * One queue in order of arrival. A hand goes from the oldest block to the newest; blocks that were used since it last came by
 * stay where they are, the first one that wasn't goes. The queue is kept as two: what the hand has ahead of it, and what it
 * has behind it. The hand stands at the oldest of those ahead.
 */
export class Sieve implements Policy {
  readonly #entries: Entries
  #ahead: 1 | 2 = 1

  constructor({ entries }: PolicyOptions) {
    this.#entries = entries
  }

  /** The hand comes to it next. */
  adoptsInto(): List {
    return this.#turnRound()
  }

  insertsInto(): List {
    return this.#turnRound()
  }

  adopted(): void {}

  inserted(): void {}

  hit(slot: number): void {
    this.#entries.setUses(slot, 1)
  }

  victim(): number {
    const entries = this.#entries
    for (let chances = MAX_SECOND_CHANCES; ; chances--) {
      const slot = entries.oldest(this.#turnRound())
      if (slot === NO_SLOT || chances === 0 || entries.usesOf(slot) === 0) return slot
      entries.setUses(slot, 0)
      entries.move(slot, this.#behind)
    }
  }

  leavesGhost(): boolean {
    return false
  }

  encode(): Uint8Array {
    return Uint8Array.of(this.#ahead)
  }

  decode(state: Uint8Array): boolean {
    const ahead = state[0]
    if (state.length !== 1 || (ahead !== 1 && ahead !== 2)) return false
    this.#ahead = ahead
    return true
  }

  /** The hand that has nothing ahead goes back to the oldest block. The list ahead of it. */
  #turnRound(): 1 | 2 {
    if (this.#entries.count(this.#ahead) === 0) this.#ahead = this.#behind
    return this.#ahead
  }

  get #behind(): 1 | 2 {
    return this.#ahead === 1 ? 2 : 1
  }
}
