import type { Counter, MetricFactory } from '../../core/api.ts'

export interface CacheMetrics {
  readonly hits: Counter
  readonly evictedBlocks: Counter
  readonly evictedBytes: Counter
  readonly shortfalls: Counter
  readonly savedBytes: Counter
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

interface Observed {
  readonly trackedBlocks: number
  readonly trackedBytes: number
  readonly ghosts: number
}

export const NOTHING_TRACKED: Observed = { trackedBlocks: 0, trackedBytes: 0, ghosts: 0 }

export function createCacheMetrics(create: MetricFactory): CacheMetrics {
  let read = (): Observed => NOTHING_TRACKED
  create.gauge({
    name: 'tracked_blocks',
    help: 'Blocks that may be evicted and whose use is known.',
    collect: () => read().trackedBlocks,
  })
  create.gauge({
    name: 'tracked_bytes',
    help: 'Payload bytes of those blocks.',
    collect: () => read().trackedBytes,
  })
  create.gauge({
    name: 'ghosts',
    help: 'Evicted blocks that the strategy remembers, to keep them longer should they come again.',
    collect: () => read().ghosts,
  })
  return {
    hits: create.counter({ name: 'hits_total', help: 'Blocks read from the store.' }),
    evictedBlocks: create.counter({
      name: 'evicted_blocks_total',
      help: 'Unpinned blocks deleted to make room.',
    }),
    evictedBytes: create.counter({ name: 'evicted_bytes_total', help: 'Disk bytes freed by eviction.' }),
    shortfalls: create.counter({
      name: 'shortfalls_total',
      help: 'Times that less room could be made than was asked for.',
    }),
    savedBytes: create.counter({
      name: 'saved_bytes_total',
      help: 'Bytes written to disk to remember the use of blocks.',
    }),
    observe(next) {
      read = next
    },
  }
}
