import type { Bucket, KeyValueStore } from '../../core/api.ts'

export interface RecencyOptions {
  /** Touches kept in memory; the oldest of them are forgotten when saving can't keep up. */
  readonly maxUnsavedTouches: number
}

export interface RecencyDependencies {
  readonly store: KeyValueStore
  /** Pinned blocks have no place: they can't be evicted, and not writing them spares the disk. */
  readonly isPinned: (hash: Uint8Array) => boolean
  /** As many touches are unsaved as may be. Called once until the next save. */
  readonly onFull: () => void
  /** A touch was forgotten: the block may have no place now. */
  readonly onForgotten: () => void
}

/** Where one block stands: the lower, the longer unused. */
export interface Place {
  readonly sequence: number
  readonly hash: Uint8Array
}

/** New blocks count up from here and adopted ones down, so that neither ever meets the end of what a number holds. */
const FIRST_SEQUENCE = 2 ** 52

/** One transaction's share of a save, so that it never holds up the event loop for long. */
const TOUCHES_PER_WRITE = 256

/**
 * The blocks in order of their last use. It lives on disk, so that it survives a restart and takes no memory; touches
 * are gathered in memory and saved together, since one write for each read would wear out an SD card.
 *
 * Two buckets: `cache/recency` (sequence, u64 big-endian -> hash) and `cache/position` (hash -> sequence).
 */
export class RecencyOrder {
  readonly #options: RecencyOptions
  readonly #dependencies: RecencyDependencies
  #tables: { readonly recency: Bucket; readonly position: Bucket } | undefined
  #unsaved = new Map<string, number>()
  #beingSaved: ReadonlyMap<string, number> = new Map()
  #saving: Promise<void> = Promise.resolve()
  #nextSequence = FIRST_SEQUENCE

  constructor(options: RecencyOptions, dependencies: RecencyDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Goes on where the order on disk ends. Everything else needs it first. */
  open(): void {
    const { store } = this.#dependencies
    this.#tables = { recency: store.bucket('cache/recency'), position: store.bucket('cache/position') }
    this.#nextSequence = this.#newestSequence() + 1
  }

  /** Blocks with a place on disk. */
  get tracked(): number {
    return this.#position.size()
  }

  get unsaved(): number {
    return this.#unsaved.size + this.#beingSaved.size
  }

  /** The block was used just now. A pinned one needs no place, and a tree that is pinned has thousands of them. */
  touch(hash: Uint8Array): void {
    if (this.#dependencies.isPinned(hash)) return
    const key = keyOf(hash)
    this.#unsaved.delete(key)
    this.#unsaved.set(key, this.#nextSequence++)
    const { maxUnsavedTouches } = this.#options
    if (this.#unsaved.size === maxUnsavedTouches) this.#dependencies.onFull()
    if (this.#unsaved.size <= maxUnsavedTouches) return
    for (const oldest of this.#unsaved.keys()) {
      this.#unsaved.delete(oldest)
      break
    }
    this.#dependencies.onForgotten()
  }

  /** True where the block was used since the last save. */
  isUnsaved(hash: Uint8Array): boolean {
    const key = keyOf(hash)
    return this.#unsaved.has(key) || this.#beingSaved.has(key)
  }

  knows(hash: Uint8Array): boolean {
    return this.isUnsaved(hash) || this.#position.has(hash)
  }

  /** Resolves when every touch before the call is on disk; where it rejects, those that aren't are forgotten. */
  save(): Promise<void> {
    const saved = this.#saving.catch(() => undefined).then(() => this.#saveTouches())
    this.#saving = saved
    return saved
  }

  /** Places in order, the longest unused first, from `after` on. Doesn't know of unsaved touches. */
  *oldest({ after, limit }: { after?: Place; limit?: number } = {}): Generator<Place> {
    const from = after && encodeSequence(after.sequence + 1)
    for (const [key, hash] of this.#recency.entries({ from, limit }))
      yield { sequence: decodeSequence(key), hash }
  }

  /** Takes blocks out of the order, unless they moved since. */
  async drop(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return
    await this.#dependencies.store.write(batch => {
      for (const { sequence, hash } of places) {
        batch.delete(this.#recency, encodeSequence(sequence))
        if (this.#positionOf(hash) === sequence) batch.delete(this.#position, hash)
      }
    })
  }

  /** Gives blocks without a place the oldest ones: nothing is known of their use. */
  async adopt(hashes: readonly Uint8Array[]): Promise<void> {
    if (hashes.length === 0) return
    await this.#dependencies.store.write(batch => {
      let sequence = this.#oldestSequence()
      for (const hash of hashes) {
        if (this.#position.has(hash)) continue
        sequence -= 1
        batch.put(this.#recency, encodeSequence(sequence), hash)
        batch.put(this.#position, hash, encodeSequence(sequence))
      }
    })
  }

  async #saveTouches(): Promise<void> {
    if (this.#unsaved.size === 0) return
    this.#beingSaved = this.#unsaved
    this.#unsaved = new Map()
    try {
      const touches = [...this.#beingSaved]
      for (let start = 0; start < touches.length; start += TOUCHES_PER_WRITE) {
        await this.#move(touches.slice(start, start + TOUCHES_PER_WRITE))
      }
    } catch (error) {
      this.#dependencies.onForgotten()
      throw error
    } finally {
      this.#beingSaved = new Map()
    }
  }

  async #move(touches: readonly (readonly [key: string, sequence: number])[]): Promise<void> {
    await this.#dependencies.store.write(batch => {
      for (const [key, sequence] of touches) {
        const hash = hashOf(key)
        const before = this.#positionOf(hash)
        if (before !== undefined) batch.delete(this.#recency, encodeSequence(before))
        if (this.#dependencies.isPinned(hash)) {
          if (before !== undefined) batch.delete(this.#position, hash)
          continue
        }
        batch.put(this.#recency, encodeSequence(sequence), hash)
        batch.put(this.#position, hash, encodeSequence(sequence))
      }
    })
  }

  get #recency(): Bucket {
    return this.#opened().recency
  }

  get #position(): Bucket {
    return this.#opened().position
  }

  #opened(): { readonly recency: Bucket; readonly position: Bucket } {
    if (!this.#tables) throw new Error('the order of use is not open')
    return this.#tables
  }

  #positionOf(hash: Uint8Array): number | undefined {
    const value = this.#position.get(hash)
    return value && decodeSequence(value)
  }

  #newestSequence(): number {
    for (const key of this.#recency.keys({ reverse: true, limit: 1 })) return decodeSequence(key)
    return FIRST_SEQUENCE
  }

  #oldestSequence(): number {
    for (const key of this.#recency.keys({ limit: 1 })) return decodeSequence(key)
    return FIRST_SEQUENCE
  }
}

function encodeSequence(sequence: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sequence))
  return bytes
}

function decodeSequence(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0))
}

/** Latin-1 keeps every byte as one character: the cheapest text that a Map can key by. */
function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1')
}

function hashOf(key: string): Uint8Array {
  return Buffer.from(key, 'latin1')
}
