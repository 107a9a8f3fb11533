import type { Entries } from './entries.ts'
import type { Policy, PolicyOptions } from './policy.ts'

const QUEUE = 1
const NOTHING = new Uint8Array(0)

/** The block that was used longest ago goes first. */
export class Lru implements Policy {
  readonly #entries: Entries

  constructor({ entries }: PolicyOptions) {
    this.#entries = entries
  }

  adoptsInto(): typeof QUEUE {
    return QUEUE
  }

  insertsInto(): typeof QUEUE {
    return QUEUE
  }

  adopted(): void {}

  inserted(): void {}

  hit(slot: number): void {
    this.#entries.move(slot, QUEUE)
  }

  victim(): number {
    return this.#entries.oldest(QUEUE)
  }

  leavesGhost(): boolean {
    return false
  }

  encode(): Uint8Array {
    return NOTHING
  }

  decode(state: Uint8Array): boolean {
    return state.length === 0
  }
}
