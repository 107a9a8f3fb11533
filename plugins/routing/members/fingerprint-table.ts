import { FINGERPRINT_BYTES } from './fingerprint.ts'

/** Beyond it, a place is looked for too long. */
const MAX_LOAD = 0.85
/** After a change of size. A table that grows holds its old places, too: 6 / 0.85 + 6 / 0.72 are still less than 16 bytes a block. */
const RESIZED_LOAD = 0.72
/** Below it, a table shrinks. */
const MIN_LOAD = 0.5
const MIN_CAPACITY = 64

/** The objects around the places. */
const OVERHEAD_BYTES = 512

const WORD = 2 ** 32

/**
 * A set of 48-bit fingerprints, none of them 0, at 7 to 12 bytes each: places in two typed arrays, linear probing, no
 * tombstones. Where a fingerprint lies depends on a seed of the reader's own, so that nobody can make one long search of all.
 */
export class FingerprintTable {
  readonly #seed: number
  #capacity = MIN_CAPACITY
  #low = new Uint32Array(MIN_CAPACITY)
  #high = new Uint16Array(MIN_CAPACITY)
  #size = 0

  constructor({ seed }: { seed: number }) {
    this.#seed = seed
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return bytesOf(this.#capacity)
  }

  /** Bytes after the next `add`. */
  get nextBytes(): number {
    return this.#isFull ? bytesOf(capacityFor(this.#size + 1)) : this.bytes
  }

  /** Bytes of a table made for so many. */
  static bytesFor(size: number): number {
    return bytesOf(capacityFor(size))
  }

  has(fingerprint: number): boolean {
    const at = this.#find(fingerprint)
    return this.#isTaken(at)
  }

  /** False where it was there. */
  add(fingerprint: number): boolean {
    let at = this.#find(fingerprint)
    if (this.#isTaken(at)) return false
    if (this.#isFull) {
      this.#resize(capacityFor(this.#size + 1))
      at = this.#find(fingerprint)
    }
    this.#put(at, fingerprint >>> 0, highOf(fingerprint))
    this.#size += 1
    return true
  }

  /** False where it wasn't there. */
  delete(fingerprint: number): boolean {
    let hole = this.#find(fingerprint)
    if (!this.#isTaken(hole)) return false
    for (let at = this.#next(hole); this.#isTaken(at); at = this.#next(at)) {
      const low = this.#low[at] as number
      const high = this.#high[at] as number
      // What would no longer be found across the hole moves into it.
      if (this.#distance(this.#home(low, high), at) < this.#distance(hole, at)) continue
      this.#put(hole, low, high)
      hole = at
    }
    this.#put(hole, 0, 0)
    this.#size -= 1
    this.fit()
    return true
  }

  /** Gives memory back where much more was reserved than is taken. */
  fit(): void {
    if (this.#capacity > MIN_CAPACITY && this.#size < this.#capacity * MIN_LOAD)
      this.#resize(capacityFor(this.#size))
  }

  /** Makes room for so many in all, where there is less. */
  reserve(size: number): void {
    const capacity = capacityFor(size)
    if (capacity > this.#capacity) this.#resize(capacity)
  }

  get #isFull(): boolean {
    return this.#size + 1 > this.#capacity * MAX_LOAD
  }

  #isTaken(at: number): boolean {
    return this.#low[at] !== 0 || this.#high[at] !== 0
  }

  #put(at: number, low: number, high: number): void {
    this.#low[at] = low
    this.#high[at] = high
  }

  /** Its place, or the empty one where it would be. */
  #find(fingerprint: number): number {
    const low = fingerprint >>> 0
    const high = highOf(fingerprint)
    let at = this.#home(low, high)
    while (this.#isTaken(at) && (this.#low[at] !== low || this.#high[at] !== high)) at = this.#next(at)
    return at
  }

  #home(low: number, high: number): number {
    const mixed = mix(mix(low ^ this.#seed) ^ high)
    // In the order of the places, so that a change of size walks through memory, and any capacity will do.
    return Math.floor((mixed / WORD) * this.#capacity)
  }

  #next(at: number): number {
    return at + 1 === this.#capacity ? 0 : at + 1
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.#capacity
  }

  #resize(capacity: number): void {
    const [lows, highs] = [this.#low, this.#high]
    this.#capacity = capacity
    this.#low = new Uint32Array(capacity)
    this.#high = new Uint16Array(capacity)
    for (let place = 0; place < lows.length; place++) {
      const low = lows[place] as number
      const high = highs[place] as number
      if (low === 0 && high === 0) continue
      let at = this.#home(low, high)
      while (this.#isTaken(at)) at = this.#next(at)
      this.#put(at, low, high)
    }
  }
}

function highOf(fingerprint: number): number {
  return Math.floor(fingerprint / WORD)
}

function capacityFor(size: number): number {
  return Math.max(MIN_CAPACITY, Math.ceil(size / RESIZED_LOAD))
}

function bytesOf(capacity: number): number {
  return capacity * FINGERPRINT_BYTES + OVERHEAD_BYTES
}

/** The finaliser of MurmurHash3 (https://github.com/aappleby/smhasher): each bit of the input changes half of the result. */
function mix(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
