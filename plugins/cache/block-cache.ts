import { setTimeout } from 'node:timers/promises'
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
import { type CacheMetrics, NOTHING_TRACKED } from './metrics.ts'
import { UseRanking } from './use-ranking.ts'

export interface BlockCacheDependencies {
  readonly blocks: BlockStore
  /** Where the ranking is saved, with whatever else may be lost. */
  readonly store: KeyValueStore
  readonly isPinned: (hash: Uint8Array) => boolean
  /** Asked before a block may be deleted. */
  readonly mayBePinned: (hash: Uint8Array) => boolean
  readonly metrics: CacheMetrics
  readonly log: Logger
  /** Monotonic. */
  readonly nowMs: () => number
  /** 32 bits that nobody else knows. */
  readonly randomSeed: () => number
}

/**
 * Saves are as rare as this rate asks for, over time: 86 MB a day, on a node that is in use all day and holds a million blocks.
 * An idle one writes nothing.
 */
const SAVE_BYTES_PER_SECOND = 1000

/** Of a small quota the headroom takes at most this part, so that making room never empties a small store. */
const MAX_HEADROOM_SHARE = 1 / 64

/** Keeps the unpinned blocks that the strategy finds worth most, and makes room of the others. */
export class BlockCache implements Cache, Evictor {
  readonly #options: CacheConfig
  readonly #dependencies: BlockCacheDependencies
  readonly #ranking: UseRanking
  readonly #adoption: Adoption
  readonly #eviction: Eviction
  readonly #stats = { hits: 0, evictedBlocks: 0, evictedBytes: 0 }
  #detach: (() => void) | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: CacheConfig, dependencies: BlockCacheDependencies) {
    const { blocks, store, isPinned, mayBePinned, log, nowMs, randomSeed } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#ranking = new UseRanking(options, {
      blocks,
      store,
      isPinned,
      mayBePinned,
      log,
      randomSeed,
      onForgotten: () => this.#adoption.forgotten(),
      onPassedOver: () => this.#adoption.passedOver(),
    })
    this.#adoption = new Adoption({ blocks, ranking: this.#ranking, mayBePinned, nowMs })
    this.#eviction = new Eviction(options, {
      blocks,
      ranking: this.#ranking,
      adoption: this.#adoption,
      onEvicted: (count, bytes) => this.#countEvicted(count, bytes),
    })
  }

  /** Starts to learn what is used, and to make room. */
  attach(): void {
    if (this.#detach) return
    const { blocks, metrics } = this.#dependencies
    this.#ranking.open()
    this.#detach = blocks.attachEvictor(this)
    metrics.observe(() => this.#ranking)
  }

  /** Leaves the store to itself, ends what runs and saves the ranking. Idempotent. */
  async detach(): Promise<void> {
    if (!this.#detach) return
    this.#detach()
    this.#detach = undefined
    await this.#turn
    await this.#save()
    this.#dependencies.metrics.observe(() => NOTHING_TRACKED)
  }

  stats(): CacheStats {
    return { strategy: this.#options.strategy, ...this.#stats }
  }

  read(hash: Uint8Array): void {
    this.#stats.hits += 1
    this.#dependencies.metrics.hits.inc()
    this.#ranking.read(hash)
  }

  stored(hash: Uint8Array): void {
    this.#ranking.stored(hash)
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

  /** What operations held is free, where no pin holds it: when nothing else is left, it is looked for. */
  onReleased(): void {
    this.#adoption.released()
  }

  /** Background loop: gives blocks that the ranking doesn't know their place. */
  adopt(signal: AbortSignal): Promise<void> {
    return this.#adoption.run(signal)
  }

  /** Background loop: saves what is known of use. */
  async keepSaved(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const savedBytes = await this.#save()
      const restMs = Math.max(this.#options.savePeriodMs, (savedBytes / SAVE_BYTES_PER_SECOND) * 1000)
      await setTimeout(restMs, undefined, { signal, ref: false })
    }
  }

  health(): Health {
    if (!this.#detach) return HEALTHY
    const { roomBytes, usedBytes, maxBytes, freeDiskBytes } = this.#dependencies.blocks.stats()
    const isEmpty = this.#ranking.trackedBlocks === 0 && this.#adoption.knowsAll
    if (!isEmpty || roomBytes >= this.#headroomBytes()) return HEALTHY
    if (maxBytes - usedBytes >= this.#headroomBytes()) {
      return {
        status: 'degraded',
        reason:
          `the disk is full: ${freeDiskBytes} bytes are free, no more than storage.minFreeDiskBytes leaves to others, and ` +
          'nothing can be evicted; free space on the file system',
      }
    }
    return {
      status: 'degraded',
      reason:
        `the store is full of pinned content: ${roomBytes} of ${maxBytes} bytes are free and nothing can be ` +
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

  /** Resolves with the bytes written. What can't be saved is in memory all the same; a crash forgets it. */
  async #save(): Promise<number> {
    const { log, metrics } = this.#dependencies
    try {
      const bytes = await this.#ranking.save()
      metrics.savedBytes.inc(bytes)
      return bytes
    } catch (error) {
      log.warn({ err: error }, 'the order of use was not saved')
      return 0
    }
  }
}
