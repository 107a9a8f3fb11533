import type { Counter, MetricFactory } from '../../core/api.ts'

export interface CacheMetrics {
  readonly hits: Counter
  readonly evictedBlocks: Counter
  readonly evictedBytes: Counter
  readonly shortfalls: Counter
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

interface Observed {
  readonly trackedBlocks: number
  readonly unsavedTouches: number
}

export function createCacheMetrics(create: MetricFactory): CacheMetrics {
  let read = (): Observed => ({ trackedBlocks: 0, unsavedTouches: 0 })
  create.gauge({
    name: 'tracked_blocks',
    help: 'Blocks with a place in the order of use.',
    collect: () => read().trackedBlocks,
  })
  create.gauge({
    name: 'unsaved_touches',
    help: 'Reads and writes of blocks that the order on disk does not have yet.',
    collect: () => read().unsavedTouches,
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
    observe(next) {
      read = next
    },
  }
}
