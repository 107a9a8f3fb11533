/** What stands for a block: the first 64 bits of its digest. */
export interface Fingerprint {
  readonly high: number
  readonly low: number
}

/** One of the queues that entries stand in. Ghosts are blocks that were evicted and are still remembered. */
export type List = 0 | 1 | 2 | 3
export const GHOSTS: List = 0
const LISTS = 4

/** No entry: slots count from 1. */
export const NO_SLOT = 0

/** How often an entry was used, as far as a policy cares. */
export const MAX_USES = 63

/** The largest block that an entry can hold. */
export const MAX_ENTRY_BYTES = 2 ** 32 - 1

/** Of the index's cells at most 1/1.25 are taken, so that a search looks at three of them on average. */
const CELLS_PER_ENTRY = 1.25

/**
 * Up to `capacity` entries, found by fingerprint, each in one of four doubly linked queues. All in typed arrays: objects of
 * that number would cost ten times the memory, and the garbage collector's time. An entry takes 26 bytes: fingerprint 8, size 4,
 * links 8, list and uses 1, its share of the index 5. The arrays are as large as `capacity` says from the start; the system
 * gives them pages as they are written.
 *
 * `seed` differs from node to node: nobody can choose blocks that all search the same cells.
 */
export class Entries {
  readonly capacity: number
  readonly #seed: number
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  readonly #bytes: Uint32Array
  readonly #newer: Uint32Array
  readonly #older: Uint32Array
  /** List in the lower two bits, uses above. */
  readonly #marks: Uint8Array
  /** Slots by hash, open addressing with linear probing. */
  readonly #cells: Uint32Array
  readonly #newest = new Uint32Array(LISTS)
  readonly #oldest = new Uint32Array(LISTS)
  readonly #counts = new Uint32Array(LISTS)
  readonly #listBytes = new Float64Array(LISTS)
  /** Slots that were freed, chained by `#older`; those above `#highest` were never used. */
  #free = NO_SLOT
  #highest = 0

  constructor({ capacity, seed }: { readonly capacity: number; readonly seed: number }) {
    this.capacity = capacity
    this.#seed = seed
    const slots = capacity + 1
    this.#high = new Uint32Array(slots)
    this.#low = new Uint32Array(slots)
    this.#bytes = new Uint32Array(slots)
    this.#newer = new Uint32Array(slots)
    this.#older = new Uint32Array(slots)
    this.#marks = new Uint8Array(slots)
    this.#cells = new Uint32Array(Math.ceil(capacity * CELLS_PER_ENTRY) + 1)
  }

  /** Entries in `list`. */
  count(list: List): number {
    return this.#counts[list] as number
  }

  /** Bytes of the blocks in `list`. */
  listBytes(list: List): number {
    return this.#listBytes[list] as number
  }

  get isFull(): boolean {
    return this.#free === NO_SLOT && this.#highest === this.capacity
  }

  find({ high, low }: Fingerprint): number {
    const cells = this.#cells
    for (let cell = this.#cellOf(high, low); ; cell = cell + 1 === cells.length ? 0 : cell + 1) {
      const slot = cells[cell] as number
      if (slot === NO_SLOT || (this.#low[slot] === low && this.#high[slot] === high)) return slot
    }
  }

  /** A new entry, unused, at the newer end of `list`, or at its older end. There must be room, and no entry of that name. */
  add(fingerprint: Fingerprint, bytes: number, list: List, end: 'newest' | 'oldest' = 'newest'): number {
    const slot = this.#takeSlot()
    const { high, low } = fingerprint
    this.#high[slot] = high
    this.#low[slot] = low
    this.#bytes[slot] = bytes
    this.#marks[slot] = list
    this.#link(slot, list, end)
    const cells = this.#cells
    let cell = this.#cellOf(high, low)
    while (cells[cell] !== NO_SLOT) cell = cell + 1 === cells.length ? 0 : cell + 1
    cells[cell] = slot
    return slot
  }

  remove(slot: number): void {
    this.#unlink(slot)
    this.#clearCell(slot)
    this.#older[slot] = this.#free
    this.#free = slot
  }

  /** To the newer end of `list`, which may be the one it stands in. */
  move(slot: number, list: List): void {
    this.#unlink(slot)
    this.#marks[slot] = ((this.#marks[slot] as number) & ~3) | list
    this.#link(slot, list, 'newest')
  }

  fingerprintOf(slot: number): Fingerprint {
    return { high: this.#high[slot] as number, low: this.#low[slot] as number }
  }

  bytesOf(slot: number): number {
    return this.#bytes[slot] as number
  }

  listOf(slot: number): List {
    return ((this.#marks[slot] as number) & 3) as List
  }

  usesOf(slot: number): number {
    return (this.#marks[slot] as number) >> 2
  }

  /** @param uses from 0 to {@link MAX_USES} */
  setUses(slot: number, uses: number): void {
    this.#marks[slot] = ((this.#marks[slot] as number) & 3) | (uses << 2)
  }

  oldest(list: List): number {
    return this.#oldest[list] as number
  }

  /** The next newer one of the same list. */
  newerThan(slot: number): number {
    return this.#newer[slot] as number
  }

  /** All of `list` from the oldest on: three words an entry into `words`, one byte into `uses`, from entry number `from`. */
  save(list: List, { words, uses }: { words: Uint32Array; uses: Uint8Array }, from: number): void {
    let entry = from
    for (let slot = this.oldest(list); slot !== NO_SLOT; slot = this.newerThan(slot)) {
      words[3 * entry] = this.#high[slot] as number
      words[3 * entry + 1] = this.#low[slot] as number
      words[3 * entry + 2] = this.#bytes[slot] as number
      uses[entry] = this.usesOf(slot)
      entry += 1
    }
  }

  #takeSlot(): number {
    const slot = this.#free
    if (slot !== NO_SLOT) {
      this.#free = this.#older[slot] as number
      return slot
    }
    if (this.#highest === this.capacity) throw new RangeError(`more than ${this.capacity} entries`)
    this.#highest += 1
    return this.#highest
  }

  #link(slot: number, list: List, end: 'newest' | 'oldest'): void {
    const newer = end === 'newest' ? NO_SLOT : (this.#oldest[list] as number)
    const older = end === 'newest' ? (this.#newest[list] as number) : NO_SLOT
    this.#join(list, newer, slot)
    this.#join(list, slot, older)
    this.#counts[list] = this.count(list) + 1
    this.#listBytes[list] = this.listBytes(list) + this.bytesOf(slot)
  }

  #unlink(slot: number): void {
    const list = this.listOf(slot)
    this.#join(list, this.#newer[slot] as number, this.#older[slot] as number)
    this.#counts[list] = this.count(list) - 1
    this.#listBytes[list] = this.listBytes(list) - this.bytesOf(slot)
  }

  /** Makes two entries neighbours; no entry on one side makes the other an end of the list. */
  #join(list: List, newer: number, older: number): void {
    if (newer === NO_SLOT) this.#newest[list] = older
    else this.#older[newer] = older
    if (older === NO_SLOT) this.#oldest[list] = newer
    else this.#newer[older] = newer
  }

  /** Empties the entry's cell, and moves back what was searched for across it. */
  #clearCell(slot: number): void {
    const cells = this.#cells
    const size = cells.length
    let hole = this.#homeOf(slot)
    while (cells[hole] !== slot) hole = hole + 1 === size ? 0 : hole + 1
    for (let cell = hole; ; ) {
      cell = cell + 1 === size ? 0 : cell + 1
      const other = cells[cell] as number
      if (other === NO_SLOT) break
      const fromHome = (cell - this.#homeOf(other) + size) % size
      const fromHole = (cell - hole + size) % size
      if (fromHome < fromHole) continue
      cells[hole] = other
      hole = cell
    }
    cells[hole] = NO_SLOT
  }

  #homeOf(slot: number): number {
    return this.#cellOf(this.#high[slot] as number, this.#low[slot] as number)
  }

  #cellOf(high: number, low: number): number {
    return mix(high, low, this.#seed) % this.#cells.length
  }
}

/** 32 bits that depend on all of the input: the last step of MurmurHash3. https://github.com/aappleby/smhasher */
export function mix(high: number, low: number, seed: number): number {
  let hash = Math.imul(low ^ seed, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13) ^ high, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
