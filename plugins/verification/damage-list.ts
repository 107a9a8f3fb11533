import { EventEmitter } from 'node:events'
import { type Bucket, byteKey, type KeyValueStore, type Logger } from '../../core/api.ts'
import { isMultihash } from './block-hash.ts'

/** A pinned block that isn't here as it should be. */
export interface Damage {
  readonly hash: Uint8Array
  /** Milliseconds since 1970, by this node's clock. */
  readonly foundMs: number
  /** Times that a good copy was asked for since the node started. */
  readonly tries: number
  /** Why the last of them failed. */
  readonly reason?: string
  /** Not asked for again before this, by the monotonic clock. */
  readonly notBeforeMs: number
}

export interface DamageListOptions {
  /** More than that aren't listed, only counted; the next pass finds those that are still missing then. */
  readonly maxBlocks: number
}

export interface DamageListDependencies {
  readonly store: KeyValueStore
  readonly log: Logger
  readonly wallMs: () => number
}

/**
 * Pinned blocks that are damaged or missing. It lives in memory and in `verification/damaged` (multihash -> JSON), so that a
 * restart forgets none. Changes count at once and are written behind.
 */
export class DamageList {
  readonly #options: DamageListOptions
  readonly #dependencies: DamageListDependencies
  readonly #listed = new Map<string, Damage>()
  readonly #changes = new EventEmitter()
  #beyond = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(options: DamageListOptions, dependencies: DamageListDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Reads what was listed before. Everything else needs it first. */
  open(): void {
    this.#listed.clear()
    for (const [hash, bytes] of this.#bucket.entries({ limit: this.#options.maxBlocks })) {
      const foundMs = isMultihash(hash) ? readFoundMs(bytes) : undefined
      if (foundMs === undefined) {
        // Damage of the index that has it: the end of the next pass finds again what is missing.
        this.#write(batch => batch.delete(this.#bucket, hash))
        continue
      }
      this.#listed.set(byteKey(hash), { hash, foundMs, tries: 0, notBeforeMs: 0 })
    }
  }

  get size(): number {
    return this.#listed.size
  }

  /** Blocks that there was no room for since the last pass ended. */
  get beyond(): number {
    return this.#beyond
  }

  has(hash: Uint8Array): boolean {
    return this.#listed.size > 0 && this.#listed.has(byteKey(hash))
  }

  /** The one found first comes first. */
  entries(): Iterable<Damage> {
    return this.#listed.values()
  }

  add(hash: Uint8Array): void {
    const key = byteKey(hash)
    if (this.#listed.has(key)) return
    if (this.#listed.size >= this.#options.maxBlocks) {
      this.#beyond += 1
      return
    }
    const foundMs = this.#dependencies.wallMs()
    this.#listed.set(key, { hash: new Uint8Array(hash), foundMs, tries: 0, notBeforeMs: 0 })
    this.#write(batch => batch.put(this.#bucket, hash, Buffer.from(JSON.stringify({ foundMs }))))
    this.#changes.emit('added')
  }

  /** True where it was listed. */
  remove(hash: Uint8Array): boolean {
    if (!this.has(hash)) return false
    this.#listed.delete(byteKey(hash))
    this.#write(batch => batch.delete(this.#bucket, hash))
    return true
  }

  /** A good copy was asked for in vain. */
  failed(hash: Uint8Array, reason: string, notBeforeMs: number): void {
    const key = byteKey(hash)
    const damage = this.#listed.get(key)
    if (damage) this.#listed.set(key, { ...damage, tries: damage.tries + 1, reason, notBeforeMs })
  }

  /** Whoever is here now may have what nobody had. */
  retryAll(): void {
    for (const [key, damage] of this.#listed) this.#listed.set(key, { ...damage, tries: 0, notBeforeMs: 0 })
    this.#changes.emit('added')
  }

  /** All pinned blocks were looked for just now: whatever found no room is about to be counted anew. */
  recount(): void {
    this.#beyond = 0
  }

  /** Returns the function that ends it. */
  onWork(listener: () => void): () => void {
    this.#changes.on('added', listener)
    return () => this.#changes.off('added', listener)
  }

  /** Resolves when all changes are on disk, or failed to get there. */
  async settled(): Promise<void> {
    await this.#writing
  }

  get #bucket(): Bucket {
    return this.#dependencies.store.bucket('verification/damaged')
  }

  #write(change: Parameters<KeyValueStore['write']>[0]): void {
    const { store, log } = this.#dependencies
    const before = this.#writing
    const write = async (): Promise<void> => {
      await store.write(change)
    }
    this.#writing = write()
      .catch(err => log.warn({ err }, 'the list of damaged blocks could not be written'))
      .then(() => before)
  }
}

function readFoundMs(bytes: Uint8Array): number | undefined {
  try {
    const { foundMs } = JSON.parse(Buffer.from(bytes).toString()) as Partial<Damage>
    return Number.isFinite(foundMs) ? foundMs : undefined
  } catch {
    return undefined
  }
}
