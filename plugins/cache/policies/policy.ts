import type { Entries, List } from './entries.ts'

/**
 * Which block goes next. A policy moves entries between the queues of its {@link Entries}; {@link Ranking} adds and removes
 * them. Every call is O(1), amortised over the calls before it.
 */
export interface Policy {
  /** The queue that a block of which nothing is known joins, at its oldest end. */
  adoptsInto(): List
  /** It has joined. */
  adopted(slot: number): void
  /** The queue that a new block joins. `wasGhost`: it was evicted not long ago. */
  insertsInto(wasGhost: boolean): List
  /** The entry is new, at the newest end of that queue. */
  inserted(slot: number): void
  hit(slot: number): void
  /** The entry to evict so that `capacityBytes` of blocks remain, or NO_SLOT where there is none. It stays until it is removed. */
  victim(capacityBytes: number): number
  /** True where the victim should be remembered for a while. */
  leavesGhost(slot: number): boolean
  /** What it knows beside the entries. */
  encode(): Uint8Array
  /** Takes over what {@link encode} gave; false, and nothing is taken over, where it is something else. */
  decode(state: Uint8Array): boolean
}

export interface PolicyOptions {
  readonly entries: Entries
  /** Chance that nobody else knows. */
  readonly seed: number
}

/**
 * So many blocks in a row get a second chance; the next one goes even so. A bound on one call: that all of them were used
 * since the last look says little about which is worth more.
 */
export const MAX_SECOND_CHANCES = 1024
