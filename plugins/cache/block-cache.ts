import { setInterval } from 'node:timers/promises'
import {
  type BlockStore,
  type Cache,
  type CacheStats,
  type Evictor,
  HEALTHY,
  type Health,
  type KeyValueStore,
  type Logger,
  type WaitOptions,
} from '../../core/api.ts'
import { Adoption } from './adoption.ts'
import type { CacheConfig } from './config.ts'
import { Eviction } from './eviction.ts'
import type { CacheMetrics } from './metrics.ts'
import { RecencyOrder } from './recency-order.ts'

export interface BlockCacheDependencies {
  readonly blocks: BlockStore
  /** Where the order of use is kept. */
  readonly store: KeyValueStore
  readonly isPinned: (hash: Uint8Array) => boolean
  readonly metrics: CacheMetrics
  readonly log: Logger
  /** Monotonic. */
  readonly nowMs: () => number
}

/** Of a small quota the headroom takes at most this part, so that making room never empties a small store. */
const MAX_HEADROOM_SHARE = 1 / 64

/** Keeps the unpinned blocks that were used last, and makes room of the others. */
export class BlockCache implements Cache, Evictor {
  readonly #options: CacheConfig
  readonly #dependencies: BlockCacheDependencies
  readonly #order: RecencyOrder
  readonly #adoption: Adoption
  readonly #eviction: Eviction
  readonly #stats = { strategy: 'lru', hits: 0, evictedBlocks: 0, evictedBytes: 0 }
  #detach: (() => void) | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: CacheConfig, dependencies: BlockCacheDependencies) {
    const { blocks, store, isPinned, nowMs } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#order = new RecencyOrder(options, {
      store,
      isPinned,
      onFull: () => void this.#save(),
      onForgotten: () => this.#adoption.restart(),
    })
    this.#adoption = new Adoption({ blocks, order: this.#order, isPinned, nowMs })
    this.#eviction = new Eviction(options, {
      blocks,
      order: this.#order,
      adoption: this.#adoption,
      isPinned,
      save: () => this.#save(),
      onEvicted: (count, bytes) => this.#countEvicted(count, bytes),
    })
  }

  /** Starts to learn what is used, and to make room. */
  attach(): void {
    if (this.#detach) return
    const { blocks, metrics } = this.#dependencies
    this.#order.open()
    this.#detach = blocks.attachEvictor(this)
    metrics.observe(() => ({ trackedBlocks: this.#order.tracked, unsavedTouches: this.#order.unsaved }))
  }

  /** Leaves the store to itself, ends what runs and saves the order. Idempotent. */
  async detach(): Promise<void> {
    if (!this.#detach) return
    this.#detach()
    this.#detach = undefined
    await this.#turn
    await this.#save()
    this.#dependencies.metrics.observe(() => ({ trackedBlocks: 0, unsavedTouches: 0 }))
  }

  stats(): CacheStats {
    return { ...this.#stats }
  }

  read(hash: Uint8Array): void {
    this.#stats.hits += 1
    this.#dependencies.metrics.hits.inc()
    this.#order.touch(hash)
  }

  stored(hash: Uint8Array): void {
    this.#order.touch(hash)
  }

  /** One eviction at a time: two at once would both count on the same blocks. */
  evict(bytes: number, options?: WaitOptions): Promise<number> {
    const freedBytes = this.#turn.then(() => this.#evict(bytes, options))
    this.#turn = freedBytes
    return freedBytes
  }

  /** Looks for blocks that lost their pin. */
  onUnpinned(): void {
    this.#adoption.unpinned()
  }

  /** Background loop: gives blocks that the order doesn't know their place. */
  adopt(signal: AbortSignal): Promise<void> {
    return this.#adoption.run(signal)
  }

  /** Background loop: saves what was used. */
  async keepSaved(signal: AbortSignal): Promise<void> {
    for await (const _ of setInterval(this.#options.savePeriodMs, undefined, { signal, ref: false })) {
      await this.#save()
    }
  }

  health(): Health {
    if (!this.#detach) return HEALTHY
    const { usedBytes, reservedBytes, maxBytes } = this.#dependencies.blocks.stats()
    const freeBytes = maxBytes - usedBytes - reservedBytes
    const isEmpty = this.#order.tracked === 0 && this.#order.unsaved === 0 && this.#adoption.complete
    if (!isEmpty || freeBytes >= this.#headroomBytes()) return HEALTHY
    return {
      status: 'degraded',
      reason:
        `the store is full of pinned content: ${freeBytes} of ${maxBytes} bytes are free and nothing can be ` +
        'evicted; raise storage.maxBytes or unpin content',
    }
  }

  async #evict(bytes: number, options?: WaitOptions): Promise<number> {
    const { log, metrics } = this.#dependencies
    try {
      const freedBytes = await this.#eviction.run(Math.max(bytes, this.#headroomBytes()), options)
      if (freedBytes < bytes && !options?.signal?.aborted) metrics.shortfalls.inc()
      return freedBytes
    } catch (error) {
      log.error({ err: error, bytes }, 'eviction failed')
      return 0
    }
  }

  #headroomBytes(): number {
    return Math.min(
      this.#options.headroomBytes,
      this.#dependencies.blocks.stats().maxBytes * MAX_HEADROOM_SHARE,
    )
  }

  #countEvicted(blocks: number, bytes: number): void {
    this.#stats.evictedBlocks += blocks
    this.#stats.evictedBytes += bytes
    this.#dependencies.metrics.evictedBlocks.inc(blocks)
    this.#dependencies.metrics.evictedBytes.inc(bytes)
  }

  /** What can't be saved is forgotten: those blocks count as long unused, and nothing else depends on it. */
  async #save(): Promise<void> {
    await this.#order
      .save()
      .catch(error => this.#dependencies.log.warn({ err: error }, 'order of use not saved'))
  }
}
