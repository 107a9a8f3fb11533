import { setImmediate } from 'node:timers/promises'
import type { KeyValueStore } from '../../core/api.ts'

/** What earlier versions kept on disk: the order of use, an entry a block in each. */
const OLD_BUCKETS = ['cache/recency', 'cache/position']
const ENTRIES_PER_WRITE = 1024

/** Empties them, a slice at a time; what a stop leaves goes after the next start. */
export async function clearOldOrder(store: KeyValueStore, signal: AbortSignal): Promise<void> {
  for (const bucket of OLD_BUCKETS.map(name => store.bucket(name))) {
    while (!signal.aborted && bucket.size() > 0) {
      await store.write(batch => {
        for (const key of [...bucket.keys({ limit: ENTRIES_PER_WRITE })]) batch.delete(bucket, key)
      })
      await setImmediate()
    }
  }
}
