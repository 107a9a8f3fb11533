/** Bytes of a fingerprint, in memory and on the wire. */
export const FINGERPRINT_BYTES = 6

/** Bytes of a key. */
export const KEY_BYTES = 8

const WORD = 2 ** 32

/** What one word of input takes, and each half of the result. */
const WORD_ROUNDS = 2
const FINAL_ROUNDS = 4

/**
 * Fingerprints of multihashes under one key: numbers from 1 to 2^48 - 1, of HalfSipHash-2-4
 * (https://github.com/veorq/SipHash). Whoever doesn't know the key can't make two contents that share one.
 */
export class FingerprintKey {
  readonly #low: number
  readonly #high: number

  /** Of {@link KEY_BYTES} bytes. */
  constructor(bytes: Uint8Array) {
    this.#low = wordAt(bytes, 0)
    this.#high = wordAt(bytes, 4)
  }

  of(multihash: Uint8Array): number {
    const { low, high } = this.hash(multihash)
    // 0 is what an empty place looks like.
    return (high & 0xffff) * WORD + low || 1
  }

  /** The whole 64 bits. */
  hash(input: Uint8Array): { low: number; high: number } {
    const words = input.length >>> 2
    let v0 = this.#low
    let v1 = this.#high ^ 0xee
    let v2 = this.#low ^ 0x6c796765
    let v3 = this.#high ^ 0x74656462
    let low = 0
    for (let step = 0; step < words + 3; step++) {
      const isInput = step <= words
      const word = isInput ? (step < words ? wordAt(input, step * 4) : tailOf(input)) : 0
      if (step === words + 1) v2 ^= 0xee
      if (step === words + 2) {
        low = v1 ^ v3
        v1 ^= 0xdd
      }
      v3 ^= word
      for (let round = isInput ? WORD_ROUNDS : FINAL_ROUNDS; round > 0; round--) {
        v0 = (v0 + v1) | 0
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
        v0 = (v0 << 16) | (v0 >>> 16)
        v2 = (v2 + v3) | 0
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
        v0 = (v0 + v3) | 0
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
        v2 = (v2 + v1) | 0
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
        v2 = (v2 << 16) | (v2 >>> 16)
      }
      v0 ^= word
    }
    return { low: low >>> 0, high: (v1 ^ v3) >>> 0 }
  }
}

/** As many fingerprints, one behind the other. */
export function packFingerprints(fingerprints: readonly number[]): Uint8Array<ArrayBuffer> {
  const packed = Buffer.alloc(fingerprints.length * FINGERPRINT_BYTES)
  fingerprints.forEach((fingerprint, index) => {
    packed.writeUIntLE(fingerprint, index * FINGERPRINT_BYTES, FINGERPRINT_BYTES)
  })
  return packed
}

export function* unpackFingerprints({ buffer, byteOffset, length }: Uint8Array): Generator<number> {
  const packed = Buffer.from(buffer, byteOffset, length)
  for (let at = 0; at < length; at += FINGERPRINT_BYTES) yield packed.readUIntLE(at, FINGERPRINT_BYTES)
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

/** The bytes behind the last whole word, and how many there are in all. */
function tailOf(input: Uint8Array): number {
  let word = input.length << 24
  const tail = input.length & ~3
  for (let at = tail; at < input.length; at++) word |= (input[at] as number) << ((at - tail) * 8)
  return word
}
