import type { Environment } from '../../../core/storage/buckets.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import type { KeyValueStore } from '../../../core/storage/storage.ts'

/** An entry of a bucket as one input: how long its key is, the key, the value. */
export interface StoredEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Of the key in front: more than any key needs that is well. */
const LENGTH_BYTES = 1

export function encodeEntry({ key, value }: StoredEntry): Uint8Array {
  return Buffer.concat([Buffer.of(key.length), key, value])
}

/** A key has one byte at least. */
export function entryIn(bytes: Uint8Array): StoredEntry {
  const end = LENGTH_BYTES + Math.max(1, Math.min(bytes[0] ?? 0, bytes.length - LENGTH_BYTES))
  const key = bytes.length > LENGTH_BYTES ? bytes.slice(LENGTH_BYTES, end) : Uint8Array.of(0)
  return { key, value: bytes.slice(end) }
}

/** A store in which a bucket holds one entry: records are read through it, as on a start. */
export class OneEntryStore {
  readonly #store: MemoryStore
  readonly #bucket: string

  constructor(bucket: string, environment: Environment = 'index') {
    this.#store = new MemoryStore(environment)
    this.#bucket = bucket
  }

  /** Takes the place of all that is there. */
  async holding({ key, value }: StoredEntry): Promise<KeyValueStore> {
    const bucket = this.#store.bucket(this.#bucket)
    await this.#store.write(batch => {
      for (const before of [...bucket.keys()]) batch.delete(bucket, before)
      batch.put(bucket, key, value)
    })
    return this.#store
  }
}

/** The same with a key that is always this one. */
export class OneRecordStore {
  readonly #store: OneEntryStore
  readonly #key: Uint8Array

  constructor(bucket: string, key: string, environment?: Environment) {
    this.#store = new OneEntryStore(bucket, environment)
    this.#key = Buffer.from(key)
  }

  holding(value: Uint8Array): Promise<KeyValueStore> {
    return this.#store.holding({ key: this.#key, value })
  }
}
