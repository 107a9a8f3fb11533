import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create } from 'multiformats/hashes/digest'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics } from '../../../core/metrics.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { BlockCache } from '../../../plugins/cache/block-cache.ts'
import type { CacheConfig } from '../../../plugins/cache/config.ts'
import { createCacheMetrics } from '../../../plugins/cache/metrics.ts'

const SHA2_256 = 0x12

/** The CID of a block known by a number. */
export function cidOf(id: number): CID {
  const digest = createHash('sha256').update(String(id)).digest()
  return CID.createV1(raw.code, create(SHA2_256, digest))
}

export const hashOf = (id: number): Uint8Array => cidOf(id).multihash.bytes

export function createCache(
  storage: Storage,
  {
    pinned = new Set<number>(),
    isPinned = hash => [...pinned].some(id => Buffer.compare(hashOf(id), hash) === 0),
    ...config
  }: Partial<CacheConfig> & { pinned?: ReadonlySet<number>; isPinned?: (hash: Uint8Array) => boolean } = {},
): BlockCache & { metricsText(): Promise<string> } {
  const registry = createMetrics()
  const cache = new BlockCache(
    {
      strategy: 'lru',
      headroomBytes: 0,
      sliceBlocks: 4,
      sliceBytes: 1 << 20,
      maxTrackedBlocks: 4096,
      savePeriodMs: 60_000,
      ...config,
    },
    {
      blocks: storage.blocks,
      store: storage.bookkeeping,
      isPinned,
      mayBePinned: isPinned,
      metrics: createCacheMetrics(registry.factory('cache')),
      log: silentLogger,
      nowMs: () => performance.now(),
      randomSeed: () => 7,
    },
  )
  return Object.assign(cache, { metricsText: () => registry.text() })
}
