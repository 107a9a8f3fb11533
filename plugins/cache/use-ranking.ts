import type { BlockStore, KeyValueStore, Logger } from '../../core/api.ts'
import { BlockNames } from './block-names.ts'
import type { Fingerprint } from './policies/entries.ts'
import { Ranking, type Strategy } from './policies/ranking.ts'
import { SavedRanking } from './saved-ranking.ts'

export interface UseRankingOptions {
  readonly strategy: Strategy
  readonly maxTrackedBlocks: number
}

export interface UseRankingDependencies {
  readonly blocks: BlockStore
  readonly store: KeyValueStore
  readonly isPinned: (hash: Uint8Array) => boolean
  readonly mayBePinned: (hash: Uint8Array) => boolean
  readonly log: Logger
  /** 32 bits that nobody else knows. */
  readonly randomSeed: () => number
  /** A block has no place any more for want of room. */
  readonly onForgotten: () => void
  /** A block has no place for being held, by a pin or by an operation under way. */
  readonly onPassedOver: () => void
}

export interface Taken {
  /** Of the block; none where it is gone, or pinned by now. More where somebody made blocks whose digests begin alike. */
  readonly hashes: readonly Uint8Array[]
  /** Payload bytes of the block. */
  readonly bytes: number
}

/** The ranking by multihash, and how it is kept from one start to the next. Pinned blocks have no place in it. */
export class UseRanking {
  readonly #options: UseRankingOptions
  readonly #dependencies: UseRankingDependencies
  readonly #names: BlockNames
  readonly #saved: SavedRanking
  #ranking: Ranking
  #isSaved = true
  #saving: Promise<number> = Promise.resolve(0)

  constructor(options: UseRankingOptions, dependencies: UseRankingDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#names = new BlockNames(dependencies.blocks)
    this.#saved = new SavedRanking(dependencies.store)
    this.#ranking = new Ranking({ strategy: options.strategy, capacity: 0, seed: 0 })
  }

  /** Goes on where the last save ends. What is no snapshot is passed over: all blocks are then found by adoption. */
  open(): void {
    this.#names.open()
    this.#ranking = this.#empty()
    this.#isSaved = true
    const bytes = this.#saved.load()
    if (!bytes || this.#ranking.restore(bytes)) return
    this.#dependencies.log.warn(
      { bytes: bytes.length },
      'the saved order of use is damaged: starting without',
    )
    this.#ranking = this.#empty()
  }

  get trackedBlocks(): number {
    return this.#ranking.blocks
  }

  get trackedBytes(): number {
    return this.#ranking.bytes
  }

  get ghosts(): number {
    return this.#ranking.ghosts
  }

  /** There is no place for one block more. */
  get isFull(): boolean {
    return this.#ranking.isFull
  }

  knows(hash: Uint8Array): boolean {
    return this.#ranking.has(this.#names.fingerprint(hash))
  }

  /** The block was read. */
  read(hash: Uint8Array): void {
    const fingerprint = this.#names.fingerprint(hash)
    if (this.#ranking.hit(fingerprint)) this.#isSaved = false
    else this.#insert(hash, fingerprint)
  }

  /** The block came to be held. */
  stored(hash: Uint8Array): void {
    this.#insert(hash, this.#names.fingerprint(hash))
  }

  /** Gives a block of which nothing is known its place. False where there is none. */
  adopt(hash: Uint8Array, bytes: number): boolean {
    if (!this.#ranking.adopt(this.#names.fingerprint(hash), bytes)) return false
    this.#isSaved = false
    return true
  }

  /** Takes out what goes next where `wantedBytes` are to be freed. Undefined where nothing is left. */
  evict(wantedBytes: number): Taken | undefined {
    const next = this.#ranking.evict(wantedBytes)
    if (!next) return undefined
    this.#isSaved = false
    const namesakes = this.#names.namesakes(next.fingerprint)
    const hashes = namesakes.filter(hash => !this.#dependencies.mayBePinned(hash))
    if (hashes.length < namesakes.length) this.#dependencies.onPassedOver()
    return { hashes, bytes: next.bytes }
  }

  /** Resolves with the bytes written, 0 where nothing changed. @throws SkepError STORAGE_FULL, STORAGE_FAILED */
  save(): Promise<number> {
    const saved = this.#saving.catch(() => undefined).then(() => this.#save())
    this.#saving = saved
    return saved
  }

  async #save(): Promise<number> {
    if (this.#isSaved) return 0
    this.#isSaved = true
    try {
      const bytes = this.#ranking.encode()
      await this.#saved.save(bytes)
      return bytes.length
    } catch (error) {
      this.#isSaved = false
      throw error
    }
  }

  #insert(hash: Uint8Array, fingerprint: Fingerprint): void {
    if (this.#dependencies.isPinned(hash)) {
      this.#dependencies.onPassedOver()
      return
    }
    const bytes = this.#names.sizeOf(hash)
    if (bytes === undefined) return
    this.#isSaved = false
    if (this.#ranking.insert(fingerprint, bytes)) this.#dependencies.onForgotten()
  }

  #empty(): Ranking {
    const { strategy, maxTrackedBlocks } = this.#options
    return new Ranking({ strategy, capacity: maxTrackedBlocks, seed: this.#dependencies.randomSeed() })
  }
}
