import { type Entries, type List, NO_SLOT } from './entries.ts'
import { MAX_SECOND_CHANCES, type Policy, type PolicyOptions } from './policy.ts'

const SMALL = 1
const MAIN = 2

/** The paper's: "a small queue of 10 % works well on all of our traces". */
const SMALL_SHARE = 0.1
/** Two bits of frequency. */
const MAX_FREQUENCY = 3
/** Uses after the first that take a block from the small queue to the main one. */
const PROMOTING_FREQUENCY = 2

const NOTHING = new Uint8Array(0)

/**
 * S3-FIFO: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP '23. Shares are of bytes.
 *
 * New blocks pass through a small queue, from which most leave soon; those that were used there go to the main queue, and so
 * do those that come again while their ghost is remembered. What is used in the main queue goes round once more.
 */
export class S3Fifo implements Policy {
  readonly #entries: Entries

  constructor({ entries }: PolicyOptions) {
    this.#entries = entries
  }

  adoptsInto(): List {
    return SMALL
  }

  insertsInto(wasGhost: boolean): List {
    return wasGhost ? MAIN : SMALL
  }

  adopted(): void {}

  inserted(): void {}

  hit(slot: number): void {
    const uses = this.#entries.usesOf(slot)
    if (uses < MAX_FREQUENCY) this.#entries.setUses(slot, uses + 1)
  }

  victim(capacityBytes: number): number {
    const entries = this.#entries
    for (let chances = MAX_SECOND_CHANCES; ; chances--) {
      const fromSmall =
        entries.count(MAIN) === 0 ||
        (entries.count(SMALL) > 0 && entries.listBytes(SMALL) >= SMALL_SHARE * capacityBytes)
      const slot = entries.oldest(fromSmall ? SMALL : MAIN)
      if (slot === NO_SLOT || chances === 0) return slot
      const uses = entries.usesOf(slot)
      if (uses < (fromSmall ? PROMOTING_FREQUENCY : 1)) return slot
      entries.setUses(slot, fromSmall ? 0 : uses - 1)
      entries.move(slot, MAIN)
    }
  }

  leavesGhost(slot: number): boolean {
    return this.#entries.listOf(slot) === SMALL
  }

  encode(): Uint8Array {
    return NOTHING
  }

  decode(state: Uint8Array): boolean {
    return state.length === 0
  }
}
