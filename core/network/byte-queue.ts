import { PIECE_BYTES } from './held-bytes.ts'

/** Five groups of seven bits hold every length a frame may have; more is an attack. */
const MAX_VARINT_BYTES = 5

/** What `takeVarint` says of bytes that are no varint. */
export const MALFORMED = Symbol('malformed varint')

/** Bytes as they came in, taken out as they are wanted. Chunks are kept, not copied, until they are. */
export class ByteQueue {
  #chunks: Uint8Array[] = []
  /** First chunk not yet used up, and how much of it is. */
  #head = 0
  #offset = 0
  #byteLength = 0

  get byteLength(): number {
    return this.#byteLength
  }

  /** Memory that it holds: bytes, and what describes each chunk. */
  get heldBytes(): number {
    return this.#byteLength + (this.#chunks.length - this.#head) * PIECE_BYTES
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return
    this.#chunks.push(chunk)
    this.#byteLength += chunk.byteLength
  }

  /** Copies as much as there is and fits into `target` from `at` on; returns how far `target` is now filled. */
  fill(target: Uint8Array, at = 0): number {
    let filled = at
    while (filled < target.byteLength) {
      const chunk = this.#chunks[this.#head]
      if (!chunk) break
      const part = chunk.subarray(this.#offset, this.#offset + target.byteLength - filled)
      target.set(part, filled)
      filled += part.byteLength
      this.#advance(part.byteLength)
    }
    return filled
  }

  /**
   * Takes one unsigned varint; undefined where it isn't complete yet, and then nothing is taken.
   * Only the shortest encoding counts: https://github.com/multiformats/unsigned-varint
   */
  takeVarint(): number | typeof MALFORMED | undefined {
    let value = 0
    let scale = 1
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#byteAt(index)
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && index > 0) return MALFORMED
        for (let taken = 0; taken <= index; taken++) this.#advance(1)
        return value
      }
      scale *= 0x80
    }
    return MALFORMED
  }

  #byteAt(index: number): number | undefined {
    let offset = this.#offset + index
    for (let head = this.#head; ; head++) {
      const chunk = this.#chunks[head]
      if (!chunk) return undefined
      if (offset < chunk.byteLength) return chunk[offset]
      offset -= chunk.byteLength
    }
  }

  /** Within the first chunk. */
  #advance(bytes: number): void {
    this.#offset += bytes
    this.#byteLength -= bytes
    if (this.#offset < (this.#chunks[this.#head]?.byteLength ?? 0)) return
    this.#offset = 0
    this.#head++
    if (this.#byteLength === 0) {
      this.#chunks = []
      this.#head = 0
    } else if (this.#head >= COMPACT_AFTER_CHUNKS) {
      this.#chunks.splice(0, this.#head)
      this.#head = 0
    }
  }
}

/** Used-up chunks are dropped in batches: one by one, each would move all the others. */
const COMPACT_AFTER_CHUNKS = 64
