import type { BlockStore, Bucket, KeyValueStore, Storage } from '../storage/storage.ts'

export interface PinDamageDependencies {
  readonly storage: Storage
  readonly holds: (hash: Uint8Array) => boolean
  readonly onError: (error: unknown) => void
}

const PRESENT = Uint8Array.of(1)

/**
 * Knows whether blocks that pins hold were damaged and have not been stored again, in the bucket `pin-damaged`, by
 * multihash. As long as there are any, a mark that says that all beneath a node is held can't be trusted.
 */
export class PinDamage {
  readonly #index: KeyValueStore
  readonly #blocks: BlockStore
  readonly #damaged: Bucket
  readonly #dependencies: PinDamageDependencies
  /** Asking for each block that is stored would cost more than storing it. */
  #count = 0
  #undo: (() => void)[] = []

  constructor(dependencies: PinDamageDependencies) {
    const { storage } = dependencies
    this.#index = storage.index
    this.#blocks = storage.blocks
    this.#damaged = storage.index.bucket('pin-damaged')
    this.#dependencies = dependencies
  }

  get isKnown(): boolean {
    return this.#count > 0
  }

  /** Forgets what was unpinned since, and listens. */
  async start(): Promise<void> {
    const { holds } = this.#dependencies
    this.#undo = [
      this.#blocks.onDamaged(hash => void this.#note(hash)),
      this.#blocks.onStored(hash => void this.#forget(hash)),
    ]
    await this.#index.write(batch => {
      for (const hash of this.#damaged.keys()) if (!holds(hash)) batch.delete(this.#damaged, hash)
    })
    this.#count = this.#damaged.size()
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }

  async #note(hash: Uint8Array): Promise<void> {
    if (!this.#dependencies.holds(hash)) return
    this.#count += 1
    await this.#change(batch => batch.put(this.#damaged, hash, PRESENT))
  }

  async #forget(hash: Uint8Array): Promise<void> {
    if (this.#count === 0) return
    await this.#change(batch => batch.delete(this.#damaged, hash))
  }

  async #change(change: Parameters<KeyValueStore['write']>[0]): Promise<void> {
    try {
      await this.#index.write(change)
      this.#count = this.#damaged.size()
    } catch (error) {
      this.#dependencies.onError(error)
    }
  }
}
