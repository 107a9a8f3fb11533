import type { CID } from 'multiformats/cid'
import { discard } from '../owned-bytes.ts'
import type { MemoryBudget } from '../resources/byte-budget.ts'
import type { BlockStore } from '../storage/storage.ts'
import type { HashThread } from './hash-thread.ts'
import { cidOfDigest, cidOfLarge } from './hashes.ts'
import type { Hold } from './holds.ts'

/** Puts that share one flush; bytes are bounded by the memory budget. */
const MAX_WRITES_IN_FLIGHT = 256

export interface BlockWriterDependencies {
  readonly store: BlockStore
  readonly memory: MemoryBudget
  readonly hashThread: HashThread
  /** What was written is held until the caller releases it. */
  readonly hold: Hold
}

/** Hashes and stores the blocks of one import, many at a time. */
export class BlockWriter {
  readonly #store: BlockStore
  readonly #memory: MemoryBudget
  readonly #hashThread: HashThread
  readonly #hold: Hold
  readonly #signal: AbortSignal
  readonly #failure = new AbortController()
  readonly #writes = new Set<Promise<void>>()

  constructor(
    options: { readonly signal?: AbortSignal },
    { store, memory, hashThread, hold }: BlockWriterDependencies,
  ) {
    this.#store = store
    this.#memory = memory
    this.#hashThread = hashThread
    this.#hold = hold
    this.#signal = options.signal
      ? AbortSignal.any([options.signal, this.#failure.signal])
      : this.#failure.signal
  }

  /**
   * Resolves when there is room for the next block; `drain` tells when this one is durable. `bytes` must not change
   * until then; with `discards` they are the writer's, which
   * empties them.
   *
   * @throws SkepError STORAGE_FULL, STORAGE_FAILED, perhaps of an earlier block
   */
  async write(codec: number, bytes: Uint8Array, { discards = false } = {}): Promise<CID> {
    while (this.#writes.size >= MAX_WRITES_IN_FLIGHT) await Promise.race(this.#writes)
    const aside = discards && this.#hashThread.takes(bytes) ? await this.#hashThread.hash(bytes) : undefined
    const block = aside?.bytes ?? bytes
    const cid = aside ? cidOfDigest(codec, aside.sha256) : await cidOfLarge(codec, bytes)
    const lease = await this.#memory.lease(block.length, { signal: this.#signal })
    this.#signal.throwIfAborted()
    this.#hold.add(cid.multihash.bytes)
    const write = this.#store
      .put(cid, block, { given: discards, crc: aside?.crc32 })
      .catch(error => this.#failure.abort(error))
      .finally(() => {
        if (discards) discard(block)
        lease.release()
        this.#writes.delete(write)
      })
    this.#writes.add(write)
    return cid
  }

  /** Resolves when all that was written is durable. @throws as `write` does */
  async drain(): Promise<void> {
    await this.settled()
    this.#signal.throwIfAborted()
  }

  /** Resolves when nothing is being written any more, however it ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes)
  }
}
