import { EventEmitter, once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { BlockStore } from '../../core/api.ts'
import type { RecencyOrder } from './recency-order.ts'

export interface AdoptionDependencies {
  readonly blocks: BlockStore
  readonly order: RecencyOrder
  readonly isPinned: (hash: Uint8Array) => boolean
  /** Monotonic. */
  readonly nowMs: () => number
}

/** Blocks looked at before other work gets its turn: a few milliseconds on a slow board. */
const BLOCKS_PER_STEP = 256

/** Least time between two rounds made for want of room: a full store must not read its whole index for each refusal. */
const REFRESH_AFTER_MS = 60_000

/** A pin is gone before all of its blocks are free: for so long after an unpin, want of room is worth another look. */
const RELEASE_MS = 60_000

/**
 * Finds blocks that the order doesn't know (stored while the cache was off, or unpinned) and gives them a place,
 * as the longest unused.
 */
export class Adoption {
  readonly #dependencies: AdoptionDependencies
  readonly #restarts = new EventEmitter()
  #cursor: Uint8Array | undefined
  #complete = false
  #completedMs = 0
  #unpinnedMs = Number.NEGATIVE_INFINITY
  #round = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(dependencies: AdoptionDependencies) {
    this.#dependencies = dependencies
  }

  /** Every block was looked at since the last {@link restart}. */
  get complete(): boolean {
    return this.#complete
  }

  /** Starts over: blocks may have lost their place. */
  restart(): void {
    this.#cursor = undefined
    this.#complete = false
    this.#round += 1
    this.#restarts.emit('restart')
  }

  /** Starts over: a pin was removed. */
  unpinned(): void {
    this.#unpinnedMs = this.#dependencies.nowMs()
    this.restart()
  }

  /** For want of room: starts over where it may help. An unpin that goes on after a crash is told by no event. */
  refresh(): void {
    if (!this.#complete) return
    const nowMs = this.#dependencies.nowMs()
    if (nowMs - this.#completedMs >= REFRESH_AFTER_MS || nowMs - this.#unpinnedMs < RELEASE_MS) this.restart()
  }

  /** Looks at the next blocks; resolves with the number adopted. One step at a time, whoever asks. */
  step(): Promise<number> {
    const turn = this.#turn.then(() => this.#step())
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Adopts in the background, over and over, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#complete) await once(this.#restarts, 'restart', { signal })
      await this.step()
      await setImmediate(undefined, { signal })
    }
  }

  /** The blocks that the next step would adopt. */
  next(): Uint8Array[] {
    return this.#complete ? [] : this.#strangersAmong(this.#nextHashes())
  }

  #nextHashes(): Uint8Array[] {
    const { blocks } = this.#dependencies
    return blocks.list({ after: this.#cursor, limit: BLOCKS_PER_STEP }).map(({ hash }) => hash)
  }

  #strangersAmong(hashes: readonly Uint8Array[]): Uint8Array[] {
    const { order, isPinned } = this.#dependencies
    return hashes.filter(hash => !order.knows(hash) && !isPinned(hash))
  }

  async #step(): Promise<number> {
    if (this.#complete) return 0
    const round = this.#round
    const hashes = this.#nextHashes()
    const strangers = this.#strangersAmong(hashes)
    await this.#dependencies.order.adopt(strangers)
    if (round !== this.#round) return strangers.length
    this.#cursor = hashes.at(-1)
    if (hashes.length < BLOCKS_PER_STEP) {
      this.#complete = true
      this.#completedMs = this.#dependencies.nowMs()
    }
    return strangers.length
  }
}
