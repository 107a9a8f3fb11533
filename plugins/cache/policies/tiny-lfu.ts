import { type Entries, type List, NO_SLOT } from './entries.ts'
import { FrequencySketch } from './frequency-sketch.ts'
import { MAX_SECOND_CHANCES, type Policy, type PolicyOptions } from './policy.ts'
import { WindowClimber } from './window-climber.ts'

const WINDOW = 1
const PROBATION = 2
const PROTECTED = 3

/** Of the main part; the paper's, and Caffeine's. */
const PROTECTED_SHARE = 0.8

/** Blocks that pass from an overfull window with each new one while there is room in the main part. */
const MOVES_PER_INSERT = 2

/** Marks a block that was adopted and not used since: whoever is known to have been asked for takes its place. */
const STRANGER = 1

const CAPACITY_BYTES = 8
const CLIMBER_BYTES = 40

/**
 * W-TinyLFU: Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM ToS 2017. By bytes as AV in
 * Einziger, Eytan, Friedman, Manes, "Lightweight Robust Size Aware Cache Management", ACM ToS 2022.
 *
 * New blocks pass through a window. Whoever leaves it must have been used more often than all those together that would have
 * to go from the main part to make room for it. The main part is a segmented LRU: what is used while on probation is protected.
 */
export class TinyLfu implements Policy {
  readonly #entries: Entries
  readonly #sketch: FrequencySketch
  readonly #climber = new WindowClimber()
  /** What remained at the last eviction; 0 before the first. */
  #capacityBytes = 0

  constructor({ entries, seed }: PolicyOptions) {
    this.#entries = entries
    this.#sketch = new FrequencySketch({ maxBlocks: entries.capacity, seed })
  }

  adoptsInto(): List {
    return PROBATION
  }

  adopted(slot: number): void {
    this.#entries.setUses(slot, STRANGER)
  }

  insertsInto(): List {
    return WINDOW
  }

  inserted(slot: number): void {
    this.#count(slot, false)
    const capacityBytes = this.#capacityBytes || this.#bytes
    for (let moves = 0; moves < MOVES_PER_INSERT; moves++) {
      const candidate = this.#candidate(capacityBytes)
      if (candidate === NO_SLOT || !this.#fits(candidate, capacityBytes)) return
      this.#entries.move(candidate, PROBATION)
    }
  }

  hit(slot: number): void {
    this.#count(slot, true)
    const entries = this.#entries
    entries.setUses(slot, 0)
    if (entries.listOf(slot) === WINDOW) {
      entries.move(slot, WINDOW)
      return
    }
    entries.move(slot, PROTECTED)
    const maxBytes = PROTECTED_SHARE * this.#mainBytes
    while (entries.listBytes(PROTECTED) > maxBytes && entries.count(PROTECTED) > 1) {
      entries.move(entries.oldest(PROTECTED), PROBATION)
    }
  }

  victim(capacityBytes: number): number {
    this.#capacityBytes = capacityBytes
    const entries = this.#entries
    for (let chances = MAX_SECOND_CHANCES; chances > 0; chances--) {
      if (this.#mainBytes > this.#mainTarget(capacityBytes)) break
      const candidate = this.#candidate(capacityBytes)
      if (candidate === NO_SLOT) break
      if (!this.#fits(candidate, capacityBytes) && !this.#wins(candidate, capacityBytes)) return candidate
      entries.move(candidate, PROBATION)
    }
    return this.#oldestOfMain() || entries.oldest(WINDOW)
  }

  leavesGhost(): boolean {
    return false
  }

  encode(): Uint8Array {
    const capacity = new Uint8Array(Float64Array.of(this.#capacityBytes).buffer)
    return Buffer.concat([capacity, this.#climber.encode(), this.#sketch.encode()])
  }

  decode(state: Uint8Array): boolean {
    if (state.length < CAPACITY_BYTES + CLIMBER_BYTES) return false
    const [capacityBytes = Number.NaN] = new Float64Array(
      new Uint8Array(state.subarray(0, CAPACITY_BYTES)).buffer,
    )
    if (!(capacityBytes >= 0 && capacityBytes <= Number.MAX_SAFE_INTEGER)) return false
    const sketchFrom = CAPACITY_BYTES + CLIMBER_BYTES
    const isSound =
      this.#sketch.decode(state.subarray(sketchFrom)) &&
      this.#climber.decode(state.subarray(CAPACITY_BYTES, sketchFrom))
    if (isSound) this.#capacityBytes = capacityBytes
    return isSound
  }

  get #mainBytes(): number {
    return this.#entries.listBytes(PROBATION) + this.#entries.listBytes(PROTECTED)
  }

  get #bytes(): number {
    return this.#entries.listBytes(WINDOW) + this.#mainBytes
  }

  #mainTarget(capacityBytes: number): number {
    return (1 - this.#climber.share) * capacityBytes
  }

  #count(slot: number, isHit: boolean): void {
    const entries = this.#entries
    const blocks = entries.count(WINDOW) + entries.count(PROBATION) + entries.count(PROTECTED)
    this.#sketch.add(entries.fingerprintOf(slot), blocks)
    this.#climber.count(isHit, blocks)
  }

  /** Who leaves the window next, where that is overfull. */
  #candidate(capacityBytes: number): number {
    const isOver = this.#entries.listBytes(WINDOW) > this.#climber.share * capacityBytes
    return isOver ? this.#entries.oldest(WINDOW) : NO_SLOT
  }

  #fits(slot: number, capacityBytes: number): boolean {
    return this.#mainBytes + this.#entries.bytesOf(slot) <= this.#mainTarget(capacityBytes)
  }

  /** True where the candidate was used more often than all that would have to go for it. */
  #wins(candidate: number, capacityBytes: number): boolean {
    const entries = this.#entries
    // Without the arrival itself: in a loop those held were not yet asked for this time round, and would all lose.
    const frequency = this.#frequency(candidate) - 1
    let lackingBytes = this.#mainBytes + entries.bytesOf(candidate) - this.#mainTarget(capacityBytes)
    let victim = this.#oldestOfMain()
    let sum = 0
    while (lackingBytes > 0 && victim !== NO_SLOT) {
      if (entries.usesOf(victim) !== STRANGER) {
        sum += this.#frequency(victim)
        if (sum >= frequency) return false
      }
      lackingBytes -= entries.bytesOf(victim)
      victim = entries.newerThan(victim)
    }
    return true
  }

  #frequency(slot: number): number {
    return this.#sketch.estimate(this.#entries.fingerprintOf(slot))
  }

  #oldestOfMain(): number {
    return this.#entries.oldest(PROBATION) || this.#entries.oldest(PROTECTED)
  }
}
