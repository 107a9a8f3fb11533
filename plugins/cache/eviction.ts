import { setImmediate } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import { type BlockStore, isSkepError, type WaitOptions } from '../../core/api.ts'
import type { Adoption } from './adoption.ts'
import type { Place, RecencyOrder } from './recency-order.ts'
import { type Candidate, planSlice } from './slice.ts'

export interface EvictionOptions {
  readonly sliceBlocks: number
  readonly sliceBytes: number
}

export interface EvictionDependencies {
  readonly blocks: BlockStore
  readonly order: RecencyOrder
  readonly adoption: Adoption
  readonly isPinned: (hash: Uint8Array) => boolean
  /** Saves the order where that can be done; never rejects. */
  readonly save: () => Promise<void>
  readonly onEvicted: (blocks: number, bytes: number) => void
}

interface Found {
  /** Another pass is worth it. */
  readonly hasMore: boolean
  readonly freedBytes: number
}

const NOTHING_FOUND: Found = { hasMore: false, freedBytes: 0 }

/** Makes room: walks the order from the longest unused block on and deletes what no pin holds, slice by slice. */
export class Eviction {
  readonly #options: EvictionOptions
  readonly #dependencies: EvictionDependencies

  constructor(options: EvictionOptions, dependencies: EvictionDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Frees at least `bytes` on disk where it can; resolves with the bytes freed. Stops early when `signal` aborts. */
  async run(bytes: number, { signal }: WaitOptions = {}): Promise<number> {
    const { save } = this.#dependencies
    let freedBytes = 0
    // Blocks used while it walks are passed over; a second look takes even those before anyone is refused.
    let secondLook = false
    while (freedBytes < bytes && !signal?.aborted) {
      await save()
      const passBytes = await this.#pass(bytes - freedBytes, signal)
      const found = passBytes > 0 ? NOTHING_FOUND : await this.#findMore(signal)
      freedBytes += passBytes + found.freedBytes
      if (passBytes > 0 || found.hasMore) secondLook = false
      else if (secondLook) break
      else secondLook = true
    }
    return freedBytes
  }

  /** Walks the order once. */
  async #pass(bytes: number, signal: AbortSignal | undefined): Promise<number> {
    const { order } = this.#dependencies
    let freedBytes = 0
    let after: Place | undefined
    while (freedBytes < bytes && !signal?.aborted) {
      const { victims, stale, last } = planSlice(this.#candidates(after), {
        wantedBytes: bytes - freedBytes,
        maxBytes: this.#options.sliceBytes,
      })
      if (!last) break
      after = last
      // Nothing may be awaited between the plan, which asked for pins, and the delete.
      freedBytes += await this.#delete(victims.map(({ hash }) => hash))
      await order.drop([...victims, ...stale])
      await setImmediate()
    }
    return freedBytes
  }

  *#candidates(after: Place | undefined): Generator<Candidate> {
    const { order, isPinned } = this.#dependencies
    for (const place of order.oldest({ after, limit: this.#options.sliceBlocks })) {
      yield {
        ...place,
        sizeBytes: this.#sizeOf(place.hash),
        isPinned: isPinned(place.hash),
        wasTouched: order.isUnsaved(place.hash),
      }
    }
  }

  async #delete(victims: readonly Uint8Array[]): Promise<number> {
    if (victims.length === 0) return 0
    const { blocks, onEvicted } = this.#dependencies
    const freedBytes = await blocks.delete(victims)
    onEvicted(victims.length, freedBytes)
    return freedBytes
  }

  /** Looks for blocks that the order doesn't know yet; where it can't take them in, they go at once. */
  async #findMore(signal: AbortSignal | undefined): Promise<Found> {
    const { adoption } = this.#dependencies
    adoption.refresh()
    while (!adoption.complete && !signal?.aborted) {
      try {
        if ((await adoption.step()) > 0) return { hasMore: true, freedBytes: 0 }
      } catch (error) {
        if (!isSkepError(error, 'STORAGE_FULL')) throw error
        const strangers = adoption.next().slice(0, this.#options.sliceBlocks)
        const freedBytes = await this.#delete(strangers)
        if (freedBytes > 0) return { hasMore: true, freedBytes }
        throw error
      }
      await setImmediate()
    }
    return NOTHING_FOUND
  }

  #sizeOf(hash: Uint8Array): number | undefined {
    return this.#dependencies.blocks.sizeOf(CID.createV1(raw.code, decode(hash)))
  }
}
