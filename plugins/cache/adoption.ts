import { EventEmitter, once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { BlockStore } from '../../core/api.ts'
import type { UseRanking } from './use-ranking.ts'

export interface AdoptionDependencies {
  readonly blocks: BlockStore
  readonly ranking: UseRanking
  readonly mayBePinned: (hash: Uint8Array) => boolean
  /** Monotonic. */
  readonly nowMs: () => number
}

export interface HomelessLimits {
  readonly blocks: number
  /** The last block may pass it. */
  readonly bytes: number
}

/** Blocks looked at before other work gets its turn: a few milliseconds on a slow board. */
const BLOCKS_PER_STEP = 64

/** Least time between two rounds made for want of room: a full store must not read its whole index for each refusal. */
const REFRESH_AFTER_MS = 60_000

/** A pin is gone before all of its blocks are free: for so long after an unpin, want of room is worth another look. */
const RELEASE_MS = 60_000

/**
 * Finds blocks that the ranking doesn't know (stored while the cache was off, unpinned, or forgotten) and gives them a
 * place: they go before those of which something is known. While the ranking has none, they wait for an eviction.
 */
export class Adoption {
  readonly #dependencies: AdoptionDependencies
  readonly #wakings = new EventEmitter()
  #cursor: Uint8Array | undefined
  #complete = false
  /** A block was forgotten that may lie behind the cursor. */
  #isRoundShort = false
  #completedMs = 0
  #unpinnedMs = Number.NEGATIVE_INFINITY
  #hasPassedOver = false
  /** Blocks that were passed over may be free. */
  #isDue = false

  constructor(dependencies: AdoptionDependencies) {
    this.#dependencies = dependencies
  }

  /** Every block was looked at since the last {@link restart}. */
  get complete(): boolean {
    return this.#complete
  }

  /** Every block that is free has a place. */
  get knowsAll(): boolean {
    return this.#complete && !this.#isDue
  }

  /** Starts over: blocks may have lost their place. */
  restart(): void {
    this.#cursor = undefined
    this.#complete = false
    this.#isRoundShort = false
    this.#isDue = false
    this.#wakings.emit('wake')
  }

  /** Starts over: a pin was removed. */
  unpinned(): void {
    this.#unpinnedMs = this.#dependencies.nowMs()
    this.restart()
  }

  /** Blocks lost their place for want of room in the ranking: there will be something to find when room is made. */
  forgotten(): void {
    if (this.#complete) {
      this.#complete = false
      this.#cursor = undefined
    } else {
      this.#isRoundShort = true
    }
  }

  /** A block got no place since it is held. */
  passedOver(): void {
    this.#hasPassedOver = true
  }

  /**
   * What operations held is free, but for what is pinned. A round for each would read the whole index for each file that
   * somebody adds: the next want of room is soon enough.
   */
  released(): void {
    if (this.#hasPassedOver) this.#isDue = true
    this.#hasPassedOver = false
  }

  /** For want of room: starts over where it may help. An unpin that goes on after a crash is told by no event. */
  refresh(): void {
    if (!this.#complete) return
    const nowMs = this.#dependencies.nowMs()
    const mayHelp = nowMs - this.#completedMs >= REFRESH_AFTER_MS || nowMs - this.#unpinnedMs < RELEASE_MS
    if (this.#isDue || mayHelp) this.restart()
  }

  /**
   * Looks at the next blocks, and stops where the ranking has no place for one. That many of them, up to `limits`, are the
   * caller's to delete.
   */
  step(limits: HomelessLimits = { blocks: 0, bytes: 0 }): Uint8Array[] {
    if (this.#complete) return []
    const { blocks, ranking, mayBePinned } = this.#dependencies
    const entries = blocks.list({ after: this.#cursor, limit: BLOCKS_PER_STEP })
    const homeless: Uint8Array[] = []
    let homelessBytes = 0
    for (const { hash, size } of entries) {
      if (!ranking.knows(hash) && !mayBePinned(hash) && !ranking.adopt(hash, size)) {
        if (homeless.length >= limits.blocks || homelessBytes >= limits.bytes) return homeless
        homeless.push(hash)
        homelessBytes += size
      }
      this.#cursor = hash
    }
    if (entries.length < BLOCKS_PER_STEP) this.#endRound()
    return homeless
  }

  /** Adopts in the background, over and over, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#complete || this.#dependencies.ranking.isFull) {
        await once(this.#wakings, 'wake', { signal })
      }
      this.step()
      await setImmediate(undefined, { signal })
    }
  }

  /** Room was made in the ranking. */
  resume(): void {
    if (!this.#complete && !this.#dependencies.ranking.isFull) this.#wakings.emit('wake')
  }

  #endRound(): void {
    this.#cursor = undefined
    this.#completedMs = this.#dependencies.nowMs()
    this.#complete = !this.#isRoundShort
    this.#isRoundShort = false
  }
}
