import type { Logger } from '../logger.ts'
import { checkKey } from './buckets.ts'
import { storageError } from './errors.ts'
import { SortedOverlay } from './sorted-overlay.ts'
import type { Bucket, KeyRange, KeyValueStore, WriteBatch } from './storage.ts'

export interface BookkeepingOptions {
  /** From the first unsaved change to the batch that saves it, and all that came since. */
  readonly periodMs: number
}

/** A batch that comes alone costs a card some 80 KB, journal and all: 4 MB a day at this pace, twice as much at half of it. */
export const BOOKKEEPING_PERIOD_MS = 30 * 60 * 1000

export interface BookkeepingDependencies {
  /** Where batches go. What is kept through here is not written to directly. */
  readonly store: KeyValueStore
  readonly log: Logger
}

/** Unsaved keys and values: the records of a thousand peers and more. From there on a change waits for the batch before. */
const MAX_UNSAVED_BYTES = 2 * 1024 * 1024
/** What an entry of a map costs beside its bytes, about. */
const CHANGE_OVERHEAD_BYTES = 128

/** `value` undefined: a delete. */
interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/**
 * Buckets of a store for what may be lost: every change, whoever makes it, waits in memory and goes to disk in one
 * transaction a period. Of several values of a key only the last is written. Reads see what is unsaved; a crash loses it;
 * `close` saves it. A change in which `change` throws leaves nothing, as ever; a batch that can't be saved is tried again
 * after another period.
 */
export class Bookkeeping implements KeyValueStore {
  readonly #options: BookkeepingOptions
  readonly #dependencies: BookkeepingDependencies
  readonly #buckets = new Map<string, BookkeepingBucket>()
  #unsavedBytes = 0
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(options: BookkeepingOptions, dependencies: BookkeepingDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  bucket(name: string): Bucket {
    this.#checkOpen()
    const bucket =
      this.#buckets.get(name) ??
      new BookkeepingBucket(this.#dependencies.store.bucket(name), () => this.#checkOpen())
    this.#buckets.set(name, bucket)
    return bucket
  }

  /**
   * Resolves at once, before anything is on disk.
   *
   * @throws SkepError STORAGE_FULL, STORAGE_FAILED where too much is unsaved and can't be saved now
   */
  async write<T>(change: (batch: WriteBatch) => T): Promise<T> {
    this.#checkOpen()
    if (this.#unsavedBytes >= MAX_UNSAVED_BYTES) {
      await this.save()
      this.#checkOpen()
    }
    const result = this.#apply(change)
    this.#arm()
    return result
  }

  /** Resolves when what is unsaved now is durable. */
  async save(): Promise<void> {
    while (this.#saving) await this.#saving.catch(() => undefined)
    this.#saving = this.#save().finally(() => {
      this.#saving = undefined
    })
    await this.#saving
  }

  /** Saves; what can't be saved is lost and logged. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#saveOrLog('bookkeeping was not saved and is lost')
    return this.#closing
  }

  #apply<T>(change: (batch: WriteBatch) => T): T {
    const undo: (() => void)[] = []
    let isOpen = true
    const set = (bucket: Bucket, key: Uint8Array, value?: Uint8Array): void => {
      if (!isOpen) throw new Error('the transaction of this batch is over')
      checkKey(key)
      const own = this.#own(bucket)
      const before = own.unsaved.get(key)
      this.#set(own, key, { key: new Uint8Array(key), value: value && new Uint8Array(value) })
      undo.push(() => this.#set(own, key, before))
    }
    try {
      return change({
        put: (bucket, key, value) => set(bucket, key, value),
        delete: (bucket, key) => set(bucket, key),
      })
    } catch (error) {
      for (const revert of undo.reverse()) revert()
      throw error
    } finally {
      isOpen = false
    }
  }

  #set({ unsaved }: BookkeepingBucket, key: Uint8Array, change: Change | undefined): void {
    this.#unsavedBytes += costOf(change) - costOf(unsaved.get(key))
    if (change) unsaved.set(key, change)
    else unsaved.delete(key)
  }

  /** A change stays readable here until it is on disk, and leaves only if none came after it. */
  async #save(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const due = [...this.#buckets.values()].flatMap(bucket =>
      [...bucket.unsaved.values()].map(change => ({ bucket, change })),
    )
    if (due.length === 0) return
    await this.#dependencies.store.write(batch => {
      for (const { bucket, change } of due) {
        const { key, value } = change
        if (value) batch.put(bucket.saved, key, value)
        else batch.delete(bucket.saved, key)
      }
    })
    for (const { bucket, change } of due) {
      if (bucket.unsaved.get(change.key) === change) this.#set(bucket, change.key, undefined)
    }
  }

  async #saveOrLog(message: string): Promise<void> {
    await this.save().catch(error => this.#dependencies.log.warn({ err: error }, message))
  }

  #arm(): void {
    if (this.#unsavedBytes === 0 || this.#closing) return
    this.#timer ??= setTimeout(async () => {
      await this.#saveOrLog('bookkeeping was not saved: it is tried again')
      this.#arm()
    }, this.#options.periodMs).unref()
  }

  #own(bucket: Bucket): BookkeepingBucket {
    for (const own of this.#buckets.values()) if (own === bucket) return own
    throw new Error('the bucket is of another store than the bookkeeping')
  }

  #checkOpen(): void {
    if (this.#closing) throw storageError('STORAGE_CLOSED', 'the bookkeeping is closed')
  }
}

class BookkeepingBucket implements Bucket {
  readonly saved: Bucket
  readonly unsaved = new SortedOverlay<Change>()
  readonly #checkOpen: () => void

  constructor(saved: Bucket, checkOpen: () => void) {
    this.saved = saved
    this.#checkOpen = checkOpen
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen()
    const change = this.unsaved.get(key)
    if (!change) return this.saved.get(key)
    return change.value && new Uint8Array(change.value)
  }

  has(key: Uint8Array): boolean {
    this.#checkOpen()
    const change = this.unsaved.get(key)
    return change ? change.value !== undefined : this.saved.has(key)
  }

  *entries({
    limit = Number.POSITIVE_INFINITY,
    ...range
  }: KeyRange = {}): Generator<readonly [Uint8Array, Uint8Array]> {
    this.#checkOpen()
    let left = limit
    if (left <= 0) return
    for (const entry of this.#merged(range)) {
      yield entry
      left -= 1
      if (left <= 0) return
    }
  }

  *keys(range?: KeyRange): Generator<Uint8Array> {
    for (const [key] of this.entries(range)) yield key
  }

  size(): number {
    this.#checkOpen()
    let size = this.saved.size()
    for (const { key, value } of this.unsaved.values()) {
      size += Number(value !== undefined) - Number(this.saved.has(key))
    }
    return size
  }

  /** What is saved and what isn't, as one order; of a key that both have the unsaved value counts. */
  *#merged(range: Omit<KeyRange, 'limit'>): Generator<readonly [Uint8Array, Uint8Array]> {
    const unsaved = this.unsaved.within(range)
    const sign = range.reverse ? -1 : 1
    let next = 0
    for (const [key, value] of this.saved.entries(range)) {
      let isReplaced = false
      for (let change = unsaved[next]; change; change = unsaved[next]) {
        const order = Buffer.compare(change.key, key) * sign
        if (order > 0) break
        if (order === 0) isReplaced = true
        next += 1
        if (change.value) yield [new Uint8Array(change.key), new Uint8Array(change.value)]
      }
      if (!isReplaced) yield [key, value]
    }
    for (const { key, value } of unsaved.slice(next)) {
      if (value) yield [new Uint8Array(key), new Uint8Array(value)]
    }
  }
}

function costOf(change: Change | undefined): number {
  return change ? CHANGE_OVERHEAD_BYTES + change.key.length + (change.value?.length ?? 0) : 0
}
