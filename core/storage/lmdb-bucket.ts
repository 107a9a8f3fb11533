import { pagesOf, type TreePages } from './commit-growth.ts'
import type { Bucket, KeyRange } from './storage.ts'

/** Entries read at a time: no read transaction, which would keep LMDB from reusing pages, outlives a step of an iterator. */
const ENTRIES_PER_READ = 64

/** What is used of an lmdb-js database whose keys and values are bytes. */
export interface LmdbTable {
  getBinary(key: Uint8Array): Uint8Array | undefined
  doesExist(key: Uint8Array): boolean
  getRange(options: object): RangeOf<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  getKeys(options: object): RangeOf<Uint8Array>
  getStats(): object
  put(key: Uint8Array, value: Uint8Array): unknown
  remove(key: Uint8Array): unknown
}

interface RangeOf<T> {
  map<U>(of: (item: T) => U): Iterable<U>
}

interface TableStats {
  readonly entryCount: number
  readonly treeDepth: number
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

export interface LmdbBucketHooks {
  /** @throws SkepError STORAGE_CLOSED */
  checkOpen(): void
  /** What to throw where a read failed with this. */
  failed(error: unknown): unknown
}

/** A table of an LMDB environment. */
export class LmdbBucket implements Bucket {
  readonly name: string
  readonly table: LmdbTable
  readonly #hooks: LmdbBucketHooks

  constructor(name: string, table: LmdbTable, hooks: LmdbBucketHooks) {
    this.name = name
    this.table = table
    this.#hooks = hooks
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.#try(() => this.table.getBinary(key))
    return value && plain(value)
  }

  has(key: Uint8Array): boolean {
    return this.#try(() => this.table.doesExist(key))
  }

  *entries(range: KeyRange = {}): Generator<readonly [Uint8Array, Uint8Array]> {
    yield* this.#read(range, options =>
      this.table.getRange(options).map(({ key, value }) => [plain(key), plain(value)] as const),
    )
  }

  *keys(range: KeyRange = {}): Generator<Uint8Array> {
    for (const [key] of this.#read(range, options =>
      this.table.getKeys(options).map(key => [plain(key)] as const),
    ))
      yield key
  }

  size(): number {
    this.#hooks.checkOpen()
    return this.#stats().entryCount
  }

  tree(): TreePages {
    const stats = this.#stats()
    return {
      depth: stats.treeDepth,
      leaves: stats.treeLeafPageCount,
      branches: stats.treeBranchPageCount,
      overflow: stats.overflowPages,
    }
  }

  pages(): number {
    return pagesOf(this.tree())
  }

  #try<T>(read: () => T): T {
    this.#hooks.checkOpen()
    try {
      return read()
    } catch (error) {
      throw this.#hooks.failed(error)
    }
  }

  #stats(): TableStats {
    return this.table.getStats() as TableStats
  }

  /** Reads a few entries at a time, each time from behind the last one. */
  *#read<E extends readonly [Uint8Array, ...unknown[]]>(
    { from, to, reverse = false, limit = Number.POSITIVE_INFINITY }: KeyRange,
    read: (options: object) => Iterable<E>,
  ): Generator<E> {
    const [first, last] = reverse ? [to, from] : [from, to]
    let options: object = {
      reverse,
      ...(first && { start: first }),
      ...(last && { end: last }),
      // `to` is exclusive and `from` inclusive, whichever way we go.
      exclusiveStart: reverse && first !== undefined,
      inclusiveEnd: reverse,
    }
    for (let left = limit; left > 0; ) {
      const count = Math.min(left, ENTRIES_PER_READ)
      const entries = this.#try(() => [...read({ ...options, limit: count })])
      yield* entries
      const lastEntry = entries.at(-1)
      if (entries.length < count || !lastEntry) return
      options = { ...options, start: lastEntry[0], exclusiveStart: true }
      left -= count
    }
  }
}

/** V8 keeps typed arrays up to this on its own heap; to ask for the buffer of one moves it out (`core/byte-key.ts`). */
const MAX_HEAP_BYTES = 64

/** The same bytes as a plain Uint8Array, so that both twins give the same type. */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= MAX_HEAP_BYTES) return new Uint8Array(bytes)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
