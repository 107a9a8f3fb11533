import { checkKey, type Environment, tableOf } from './buckets.ts'
import type { LmdbStore } from './lmdb.ts'
import { LmdbBucket } from './lmdb-bucket.ts'
import { RecordSum } from './record-sum.ts'
import type { Bucket, KeyValueStore, WriteBatch } from './storage.ts'

const META_BUCKET = 'vault-meta'
const ENVIRONMENT: Environment = 'vault'
const SUM_KEY = Buffer.from('sum')

/** True of the record that has the sum of all others. */
export function isSumRecord(table: string, key: Uint8Array): boolean {
  return table === tableOf(META_BUCKET, ENVIRONMENT) && Buffer.compare(key, SUM_KEY) === 0
}

/**
 * The vault's environment with a sum of all its records in it, which changes in the transaction that changes them. Where
 * there is none yet, the first write makes it of what is there.
 */
export class SummedStore implements KeyValueStore {
  readonly #store: LmdbStore
  readonly #meta: Bucket

  constructor(store: LmdbStore) {
    this.#store = store
    this.#meta = store.bucket(META_BUCKET)
  }

  bucket(name: string): Bucket {
    return this.#store.bucket(name)
  }

  write<T>(change: (batch: WriteBatch) => T): Promise<T> {
    return this.#store.write(batch => {
      const noted = this.#read()
      const sum = noted ?? this.#count()
      const result = change({
        put(bucket, key, value) {
          checkKey(key)
          const before = bucket.get(key)
          batch.put(bucket, key, value)
          if (before) sum.remove(nameOf(bucket), key, before)
          sum.add(nameOf(bucket), key, value)
        },
        delete(bucket, key) {
          checkKey(key)
          const before = bucket.get(key)
          batch.delete(bucket, key)
          if (before) sum.remove(nameOf(bucket), key, before)
        },
      })
      batch[noted ? 'overwrite' : 'put'](this.#meta, SUM_KEY, sum.encode())
      return result
    })
  }

  #read(): RecordSum | undefined {
    const bytes = this.#meta.get(SUM_KEY)
    return bytes && RecordSum.decode(bytes)
  }

  #count(): RecordSum {
    const sum = new RecordSum()
    for (const table of this.#store.tables()) {
      for (const [key, value] of this.#store.table(table).entries())
        if (!isSumRecord(table, key)) sum.add(table, key, value)
    }
    return sum
  }
}

function nameOf(bucket: Bucket): string {
  if (bucket instanceof LmdbBucket) return bucket.name
  throw new Error('the bucket is of another store than the vault')
}
