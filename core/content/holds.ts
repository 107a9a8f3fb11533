/** Keeps the blocks of one operation from eviction until it is over. */
export interface Hold {
  add(hash: Uint8Array): void
  /** Idempotent. */
  release(): void
}

/** Four million blocks fill half of it; beyond that it holds more than it was told, never less. */
const FILTER_BITS = 2 ** 23

/** Bits a block; each is picked by four bytes of the hash, which are as good as random. */
const BITS_PER_BLOCK = 4

/**
 * What running operations hold, in one bloom filter of 1 MiB however much is added: that a stranger's block is now and
 * then taken for held costs nothing, since it can be evicted once the operations are over.
 */
export class Holds {
  #filter: Uint8Array | undefined
  #open = 0
  readonly #onReleased: () => void

  /** `onReleased` is called whenever nothing is held any more. */
  constructor(onReleased: () => void = () => {}) {
    this.#onReleased = onReleased
  }

  open(): Hold {
    this.#open += 1
    const filter = this.#filter ?? new Uint8Array(FILTER_BITS / 8)
    this.#filter = filter
    let held = true
    return {
      add: hash => {
        for (const bit of bitsOf(hash)) filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7))
      },
      release: () => {
        if (!held) return
        held = false
        this.#open -= 1
        if (this.#open > 0) return
        this.#filter = undefined
        this.#onReleased()
      },
    }
  }

  has(hash: Uint8Array): boolean {
    const filter = this.#filter
    return (
      filter !== undefined && bitsOf(hash).every(bit => ((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0)
    )
  }
}

/** From the end of the multihash: its first bytes say which function it is. */
function bitsOf(hash: Uint8Array): number[] {
  const bytes = Buffer.from(hash)
  const bits: number[] = []
  for (let at = bytes.length - 4; at >= 0 && bits.length < BITS_PER_BLOCK; at -= 4) {
    bits.push(bytes.readUInt32BE(at) % FILTER_BITS)
  }
  return bits
}
