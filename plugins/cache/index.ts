import { randomBytes } from 'node:crypto'
import { Cache, definePlugin, Events, NodeState, Pins, provide, Storage, use } from '../../core/api.ts'
import { BlockCache } from './block-cache.ts'
import { type CacheConfig, schema } from './config.ts'
import { type CacheMetrics, createCacheMetrics } from './metrics.ts'
import { clearOldOrder } from './old-order.ts'

/** Unpinned blocks that are worth least make room for new ones. */
export default definePlugin<CacheConfig, CacheMetrics>({
  manifest: {
    name: 'cache',
    version: '0.1.0',
    requires: [Storage, Pins, Events, NodeState],
    wants: [],
    provides: [Cache],
  },
  schema,
  metrics: createCacheMetrics,
  register(container, { config, metrics, log, supervise }) {
    const storage = use(container, Storage)
    const pins = use(container, Pins)
    const events = use(container, Events)
    const state = use(container, NodeState)
    const cache = new BlockCache(config, {
      blocks: storage.blocks,
      store: storage.bookkeeping,
      isPinned: hash => pins.holds(hash),
      mayBePinned: hash => pins.mayHold(hash),
      metrics,
      log,
      nowMs: () => performance.now(),
      randomSeed: () => randomBytes(4).readUInt32LE(),
    })
    const undo: (() => void)[] = []
    provide(container, Cache, cache)
    return {
      async start() {
        cache.attach()
        undo.push(
          events.on('content:unpinned', () => cache.onUnpinned()),
          events.on('content:released', () => cache.onReleased()),
          state.describe('cache', () => cache.stats()),
        )
        supervise('adopt', signal => cache.adopt(signal))
        supervise('save', signal => cache.keepSaved(signal))
        supervise('clear-old-order', signal => clearOldOrder(storage.index, signal))
      },
      async stop() {
        for (const step of undo.splice(0)) step()
        await cache.detach()
      },
      health: () => cache.health(),
    }
  },
})
