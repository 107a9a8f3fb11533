import { checkKey, type Environment, tableOf } from './buckets.ts'
import { storageError } from './errors.ts'
import type { Bucket, KeyRange, KeyValueStore, WriteBatch } from './storage.ts'

type Entry = readonly [key: Uint8Array, value: Uint8Array]

/** The memory twin of an LMDB environment: same order, same transactions, no disk. */
export class MemoryStore implements KeyValueStore {
  readonly #environment: Environment
  readonly #tables = new Map<string, MemoryBucket>()
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(environment: Environment) {
    this.#environment = environment
  }

  bucket(name: string): Bucket {
    const table = tableOf(name, this.#environment)
    this.#checkOpen()
    const bucket = this.#tables.get(table) ?? new MemoryBucket(() => this.#checkOpen())
    this.#tables.set(table, bucket)
    return bucket
  }

  async write<T>(change: (batch: WriteBatch) => T): Promise<T> {
    this.#checkOpen()
    const turn = this.#turn.then(() => this.#apply(change))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async close(): Promise<void> {
    await this.#turn
    this.#closed = true
  }

  #apply<T>(change: (batch: WriteBatch) => T): T {
    const undo: (() => void)[] = []
    let open = true
    const set = (bucket: Bucket, key: Uint8Array, value: Uint8Array | undefined): void => {
      if (!open) throw new Error('the transaction of this batch is over')
      const table = this.#own(bucket)
      const before = table.get(key)
      table.set(key, value)
      undo.push(() => table.set(key, before))
    }
    try {
      return change({
        put: (bucket, key, value) => set(bucket, key, copyOf(value)),
        delete: (bucket, key) => set(bucket, key, undefined),
      })
    } catch (error) {
      for (const revert of undo.reverse()) revert()
      throw error
    } finally {
      open = false
    }
  }

  #own(bucket: Bucket): MemoryBucket {
    for (const table of this.#tables.values()) if (table === bucket) return table
    throw new Error(`the bucket is of another store than the ${this.#environment}`)
  }

  #checkOpen(): void {
    if (this.#closed) throw storageError('STORAGE_CLOSED', `the ${this.#environment} is closed`)
  }
}

class MemoryBucket implements Bucket {
  /** Sorted by key. */
  readonly #entries: Entry[] = []
  readonly #checkOpen: () => void

  constructor(checkOpen: () => void) {
    this.#checkOpen = checkOpen
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen()
    const entry = this.#find(key)
    return entry && copyOf(entry[1])
  }

  has(key: Uint8Array): boolean {
    this.#checkOpen()
    return this.#find(key) !== undefined
  }

  *entries({ from, to, reverse = false, limit = Number.POSITIVE_INFINITY }: KeyRange = {}): Generator<Entry> {
    // Seeks anew for each entry, so that writes in between can't shift it.
    let low = from ? this.#lowerBound(from) : 0
    let high = to ? this.#lowerBound(to) : this.#entries.length
    for (let count = 0; count < limit && low < high; count++) {
      this.#checkOpen()
      const entry = this.#entries[reverse ? high - 1 : low]
      if (!entry) return
      yield [copyOf(entry[0]), copyOf(entry[1])]
      low = reverse ? (from ? this.#lowerBound(from) : 0) : this.#lowerBound(entry[0], true)
      high = reverse ? this.#lowerBound(entry[0]) : to ? this.#lowerBound(to) : this.#entries.length
    }
  }

  *keys(range?: KeyRange): Generator<Uint8Array> {
    for (const [key] of this.entries(range)) yield key
  }

  size(): number {
    this.#checkOpen()
    return this.#entries.length
  }

  set(key: Uint8Array, value: Uint8Array | undefined): void {
    checkKey(key)
    const position = this.#lowerBound(key)
    const held = this.#find(key) ? 1 : 0
    this.#entries.splice(position, held, ...(value ? [[copyOf(key), value] as const] : []))
  }

  #find(key: Uint8Array): Entry | undefined {
    const entry = this.#entries[this.#lowerBound(key)]
    return entry && Buffer.compare(entry[0], key) === 0 ? entry : undefined
  }

  /** Position of the first entry at or, where `after` is set, behind `key`. */
  #lowerBound(key: Uint8Array, after = false): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = Buffer.compare(this.#entries[middle]?.[0] ?? key, key)
      if (order < 0 || (after && order === 0)) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A plain copy; `slice` of a Buffer would be a view. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
