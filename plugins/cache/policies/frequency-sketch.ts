import { type Fingerprint, mix } from './entries.ts'

const ROWS = 4
/** Counters of four bits in one word. */
const COUNTERS_PER_WORD = 8
const MAX_COUNT = 15
/** The top bit of no counter: where halving shifts one counter's bit into the next. */
const HALF_MASK = 0x77777777
const MIN_WORDS = 16

/**
 * Counters a block: with fewer, blocks share too many of them; with more, memory and each save cost more than they win. The paper
 * on TinyLFU has the table of what it takes.
 */
const COUNTERS_PER_BLOCK = 8

/**
 * Uses counted for each block until all counts are halved, so that old fame fades: W/C in the paper, which takes 10. Half of
 * that costs little on steady traces and gains where popularity moves (`core/decisions/0011-cache-strategies.md`).
 */
const SAMPLE_PER_BLOCK = 5

/**
 * How often blocks were used lately, held or not: a count-min sketch with conservative update and ageing, as in Einziger,
 * Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM ToS 2017. Grows with the number of blocks, by
 * doubling, which keeps every count.
 */
export class FrequencySketch {
  readonly #maxWords: number
  #seed: number
  #words = new Uint32Array(MIN_WORDS)
  #counted = 0
  /** Where each row's counter of the block at hand is. */
  readonly #places = new Uint32Array(ROWS)

  constructor({ maxBlocks, seed }: { readonly maxBlocks: number; readonly seed: number }) {
    this.#maxWords = wordsFor(maxBlocks)
    this.#seed = seed
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  /** From 0 to 15, and rather too much than too little. */
  estimate(fingerprint: Fingerprint): number {
    this.#locate(fingerprint)
    return this.#lowest()
  }

  /** Counts a use; `blocks` is how many are held. */
  add(fingerprint: Fingerprint, blocks: number): void {
    while (this.#words.length < Math.min(wordsFor(blocks), this.#maxWords)) this.#double()
    this.#locate(fingerprint)
    const count = this.#lowest()
    if (count < MAX_COUNT) {
      for (const place of this.#places) {
        if (this.#at(place) === count) {
          const word = place >>> 3
          this.#words[word] = (this.#words[word] as number) + 2 ** ((place & 7) * 4)
        }
      }
    }
    this.#counted += 1
    if (this.#counted >= SAMPLE_PER_BLOCK * Math.max(blocks, MIN_WORDS)) this.#age()
  }

  /** Seed, uses counted, counters. */
  encode(): Uint8Array {
    const state = new Uint32Array(2 + this.#words.length)
    state.set([this.#seed, this.#counted])
    state.set(this.#words, 2)
    return new Uint8Array(state.buffer)
  }

  /** False where `state` is no such thing, or of a larger sketch than this one may become. */
  decode(state: Uint8Array): boolean {
    const words = state.length / 4 - 2
    if (!Number.isInteger(Math.log2(words)) || words < MIN_WORDS || words > this.#maxWords) return false
    const view = new Uint32Array(new Uint8Array(state).buffer)
    this.#seed = view[0] as number
    this.#counted = view[1] as number
    this.#words = view.slice(2)
    return true
  }

  #locate({ high, low }: Fingerprint): void {
    const mask = this.#words.length * COUNTERS_PER_WORD - 1
    // Two hashes are as good as four. Kirsch, Mitzenmacher, "Less Hashing, Same Performance", 2006.
    const first = mix(high, low, this.#seed)
    const step = mix(low, high, this.#seed) | 1
    for (let row = 0; row < ROWS; row++) this.#places[row] = (first + Math.imul(row, step)) & mask
  }

  #lowest(): number {
    let lowest = MAX_COUNT
    for (const place of this.#places) lowest = Math.min(lowest, this.#at(place))
    return lowest
  }

  #at(place: number): number {
    return ((this.#words[place >>> 3] as number) >>> ((place & 7) * 4)) & MAX_COUNT
  }

  /** The new half of the mask's bit chooses between two equal copies. */
  #double(): void {
    const words = new Uint32Array(this.#words.length * 2)
    words.set(this.#words)
    words.set(this.#words, this.#words.length)
    this.#words = words
  }

  #age(): void {
    for (let word = 0; word < this.#words.length; word++) {
      this.#words[word] = ((this.#words[word] as number) >>> 1) & HALF_MASK
    }
    this.#counted = Math.floor(this.#counted / 2)
  }
}

function wordsFor(blocks: number): number {
  return Math.max(MIN_WORDS, 2 ** Math.ceil(Math.log2((blocks * COUNTERS_PER_BLOCK) / COUNTERS_PER_WORD)))
}
