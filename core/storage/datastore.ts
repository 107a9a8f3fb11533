import { BaseDatastore } from 'datastore-core'
import { type Batch, type Datastore, Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import { NotFoundError } from 'interface-store'
import type { Bucket, KeyRange, KeyValueStore, WaitOptions } from './storage.ts'

/** A bucket as an interface-datastore, for libp2p's peer store. A batch is one transaction. */
export function createDatastore(store: KeyValueStore, bucketName: string): Datastore {
  return new BucketDatastore(store, store.bucket(bucketName))
}

class BucketDatastore extends BaseDatastore {
  readonly #store: KeyValueStore
  readonly #bucket: Bucket

  constructor(store: KeyValueStore, bucket: Bucket) {
    super()
    this.#store = store
    this.#bucket = bucket
  }

  override async put(key: Key, value: Uint8Array, { signal }: WaitOptions = {}): Promise<Key> {
    signal?.throwIfAborted()
    await this.#store.write(batch => batch.put(this.#bucket, key.uint8Array(), value))
    return key
  }

  override get(key: Key, { signal }: WaitOptions = {}): Uint8Array {
    signal?.throwIfAborted()
    const value = this.#bucket.get(key.uint8Array())
    if (!value) throw new NotFoundError(`no value for ${key}`)
    return value
  }

  override has(key: Key, { signal }: WaitOptions = {}): boolean {
    signal?.throwIfAborted()
    return this.#bucket.has(key.uint8Array())
  }

  override async delete(key: Key, { signal }: WaitOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    await this.#store.write(batch => batch.delete(this.#bucket, key.uint8Array()))
  }

  override batch(): Batch {
    let changes: (readonly [key: Key, value?: Uint8Array])[] = []
    return {
      put: (key, value) => void changes.push([key, value]),
      delete: key => void changes.push([key]),
      commit: async ({ signal }: WaitOptions = {}) => {
        signal?.throwIfAborted()
        const due = changes
        changes = []
        await this.#store.write(batch => {
          for (const [key, value] of due) {
            if (value) batch.put(this.#bucket, key.uint8Array(), value)
            else batch.delete(this.#bucket, key.uint8Array())
          }
        })
      },
    }
  }

  override *_all({ prefix }: Query, { signal }: WaitOptions = {}): Generator<Pair> {
    signal?.throwIfAborted()
    for (const [key, value] of this.#bucket.entries(rangeOf(prefix))) {
      yield { key: new Key(key, false), value }
      signal?.throwIfAborted()
    }
  }

  override *_allKeys({ prefix }: KeyQuery, { signal }: WaitOptions = {}): Generator<Key> {
    signal?.throwIfAborted()
    for (const key of this.#bucket.keys(rangeOf(prefix))) {
      yield new Key(key, false)
      signal?.throwIfAborted()
    }
  }
}

/** Above every byte of UTF-8. */
const AFTER_TEXT = 0xff

function rangeOf(prefix: string | undefined): KeyRange {
  if (!prefix) return {}
  const from = Buffer.from(prefix)
  return { from, to: Buffer.concat([from, Buffer.of(AFTER_TEXT)]) }
}
