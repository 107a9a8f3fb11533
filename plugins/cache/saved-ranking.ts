import type { Bucket, KeyValueStore, WriteBatch } from '../../core/api.ts'

const BUCKET = 'cache/ranking'
const CHUNK_BYTES = 64 * 1024
/** One transaction's share, so that others' writes wait little for it. */
const CHUNKS_PER_WRITE = 4
const HEAD = Uint8Array.of(0xff)
const HEAD_BYTES = 5

/**
 * One value of any size in a bucket of chunks. Two generations take turns: the head names the one that is whole, so that a
 * crash leaves either the old value or the new one.
 *
 * `cache/ranking`: `0xff` -> generation (1 byte), length (u32 big-endian); generation, number (u32 big-endian) -> chunk.
 */
export class SavedRanking {
  readonly #store: KeyValueStore

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  /** Undefined where nothing was saved, or not all of it is there. */
  load(): Uint8Array | undefined {
    const head = this.#head()
    if (!head) return undefined
    const chunks: Uint8Array[] = []
    for (let number = 0; number * CHUNK_BYTES < head.length; number++) {
      const chunk = this.#bucket.get(chunkKey(head.generation, number))
      if (!chunk) return undefined
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  /** @throws SkepError STORAGE_FULL, STORAGE_FAILED */
  async save(bytes: Uint8Array): Promise<void> {
    const bucket = this.#bucket
    const before = this.#head()
    const generation = before?.generation === 0 ? 1 : 0
    const count = Math.ceil(bytes.length / CHUNK_BYTES)
    const putChunks = (batch: WriteBatch, from: number): void => {
      for (let number = from; number < Math.min(from + CHUNKS_PER_WRITE, count); number++) {
        const chunk = bytes.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES)
        batch.put(bucket, chunkKey(generation, number), chunk)
      }
    }
    let from = 0
    for (; from + CHUNKS_PER_WRITE < count; from += CHUNKS_PER_WRITE) {
      const first = from
      await this.#store.write(batch => putChunks(batch, first))
    }
    await this.#store.write(batch => {
      putChunks(batch, from)
      batch.put(bucket, HEAD, encodeHead(generation, bytes.length))
      const isWhole = (key: Uint8Array): boolean =>
        key.length === HEAD.length || (key[0] === generation && chunkNumber(key) < count)
      for (const key of [...bucket.keys()]) if (!isWhole(key)) batch.delete(bucket, key)
    })
  }

  get #bucket(): Bucket {
    return this.#store.bucket(BUCKET)
  }

  #head(): { readonly generation: number; readonly length: number } | undefined {
    const value = this.#bucket.get(HEAD)
    if (value?.length !== HEAD_BYTES) return undefined
    return { generation: value[0] ?? 0, length: viewOf(value).getUint32(1) }
  }
}

function encodeHead(generation: number, length: number): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  head[0] = generation
  viewOf(head).setUint32(1, length)
  return head
}

function chunkKey(generation: number, number: number): Uint8Array {
  return encodeHead(generation, number)
}

function chunkNumber(key: Uint8Array): number {
  return viewOf(key).getUint32(1)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
