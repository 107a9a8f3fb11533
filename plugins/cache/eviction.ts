import { setImmediate } from 'node:timers/promises'
import type { BlockStore, WaitOptions } from '../../core/api.ts'
import type { Adoption, HomelessLimits } from './adoption.ts'
import type { UseRanking } from './use-ranking.ts'

export interface EvictionOptions {
  readonly sliceBlocks: number
  readonly sliceBytes: number
}

export interface EvictionDependencies {
  readonly blocks: BlockStore
  readonly ranking: UseRanking
  readonly adoption: Adoption
  readonly onEvicted: (blocks: number, bytes: number) => void
}

/** Makes room: deletes the blocks that the ranking says go next and that no pin holds, slice by slice. */
export class Eviction {
  readonly #options: EvictionOptions
  readonly #dependencies: EvictionDependencies

  constructor(options: EvictionOptions, dependencies: EvictionDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Frees at least `bytes` on disk where it can; resolves with the bytes freed. Stops early when `signal` aborts. */
  async run(bytes: number, { signal }: WaitOptions = {}): Promise<number> {
    const { adoption, ranking } = this.#dependencies
    let freedBytes = 0
    // Where nothing is left, unpinned blocks may have come up since all were looked at; once more before anyone is refused.
    let isLastRound = false
    while (freedBytes < bytes && !signal?.aborted) {
      const victims = this.#plan(bytes - freedBytes)
      // Nothing may be awaited between the plan, which asked for pins, and the delete.
      freedBytes += await this.#delete(victims)
      if (victims.length > 0) {
        isLastRound = false
      } else if (ranking.trackedBlocks === 0 && adoption.complete) {
        if (isLastRound) break
        isLastRound = true
        adoption.refresh()
      }
      await setImmediate()
    }
    adoption.resume()
    return freedBytes
  }

  /** The blocks to delete in one go. None of those that were looked at may go where it is empty. */
  #plan(wantedBytes: number): Uint8Array[] {
    const { adoption, ranking } = this.#dependencies
    const { sliceBlocks, sliceBytes } = this.#options
    const limits = { blocks: sliceBlocks, bytes: Math.min(sliceBytes, wantedBytes) }
    // What the ranking had no room for would have gone first. One look for it: finding the last few could take all day.
    const homeless = ranking.isFull ? adoption.step(limits) : []
    if (homeless.length > 0) return homeless
    const ranked = this.#takeRanked(limits, wantedBytes)
    if (ranked.length === 0 && ranking.trackedBlocks === 0) return adoption.step(limits)
    return ranked
  }

  #takeRanked({ blocks, bytes }: HomelessLimits, wantedBytes: number): Uint8Array[] {
    const victims: Uint8Array[] = []
    let victimBytes = 0
    for (let looks = 0; looks < blocks && victimBytes < bytes; looks++) {
      const taken = this.#dependencies.ranking.evict(wantedBytes - victimBytes)
      if (!taken) break
      if (taken.hashes.length === 0) continue
      victims.push(...taken.hashes)
      victimBytes += taken.bytes
    }
    return victims
  }

  async #delete(victims: readonly Uint8Array[]): Promise<number> {
    if (victims.length === 0) return 0
    const { adoption, blocks, onEvicted } = this.#dependencies
    try {
      const freedBytes = await blocks.delete(victims)
      onEvicted(victims.length, freedBytes)
      return freedBytes
    } catch (error) {
      adoption.restart()
      throw error
    }
  }
}
