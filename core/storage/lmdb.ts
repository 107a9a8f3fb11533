import { statSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { isSkepError, messageOf } from '../errors.ts'
import { checkKey, type Environment, MAX_BUCKETS, tableOf } from './buckets.ts'
import { CommitGrowth } from './commit-growth.ts'
import { storageError } from './errors.ts'
import { LmdbBucket } from './lmdb-bucket.ts'
import { causeOfFailedCommit, codeOf, explained, isForWantOfRoom } from './lmdb-error.ts'
import { LMDB_DATA_FILE, LMDB_PAGE_BYTES, prepareEnvironment } from './lmdb-file.ts'
import { Snapshots } from './snapshots.ts'
import type { Bucket, KeyValueStore, WriteBatch } from './storage.ts'

export interface LmdbOptions {
  readonly directory: string
  readonly environment: Environment
  /** Bound of the pages in use. LMDB itself would grow its map until the disk is full. */
  readonly mapBytes: number
}

export interface LmdbDependencies {
  /** Called once, when the disk failed under a commit: nothing written from then on could be trusted. */
  onFatal(error: Error): void
  /** Called after each commit that had something to write: all of it has flushed, or some of it could not be written. */
  onCommit?(outcome: 'flushed' | 'failed'): void
  /** Bytes by which the file may get longer. A change that could need more is refused, unless it frees some. Default: any. */
  growthRoomBytes?(): number
}

/** Address space to start with; lmdb-js maps more as the file grows. */
const FIRST_MAP_BYTES = 16 * 1024 * 1024
/** Changes that share a commit. Each is a nested transaction, whose cost grows with the pages that are dirty already. */
const MAX_CHANGES_PER_COMMIT = 256
/** Pages that one put can touch beside those of its value: a path through the tree that splits. */
const PAGES_PER_PUT = 8
/**
 * With so many times the pages that a commit needs free, it finds them: not all are of use at once, as those of the last two
 * commits aren't, and a large value wants a row of them.
 */
const AMPLE_FREE_PAGES = 8

const BINARY = { encoding: 'binary', keyEncoding: 'binary', cache: false } as const

/** The change goes with the next commit. */
const LATER = Symbol('later')

/** What a change can do here beside what each store can. */
export interface LmdbBatch extends WriteBatch {
  /** Puts a value where one of the same length is: that needs no room, and a full environment takes it as it takes a delete. */
  overwrite(bucket: Bucket, key: Uint8Array, value: Uint8Array): void
}

interface Change {
  run(batch: LmdbBatch): void
  resolve(): void
  reject(error: unknown): void
}

/**
 * One LMDB environment. Changes that arrive while a commit is flushing form the next one.
 *
 * Runs LMDB in its classic mode, where a commit has flushed when it resolves (`core/decisions/0003-classic-lmdb.md`).
 */
export class LmdbStore implements KeyValueStore {
  readonly #options: LmdbOptions
  readonly #dependencies: LmdbDependencies
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  readonly #buckets = new Map<string, LmdbBucket>()
  /** As many as callers wait for. */
  readonly #changes: Change[] = []
  #committing: Promise<void> | undefined
  #failure: Error | undefined
  #closing: Promise<void> | undefined
  /** What puts may still take before the pages in use have to be counted again. */
  #roomBytes = -1
  #fileBytes = 0
  readonly #snapshots = new Snapshots()
  /** Of each table, as committed. Undefined where they have to be counted again. */
  #pages: Map<LmdbBucket, number> | undefined

  /** Opens the environment, or makes it, in a directory that exists. @throws SkepError STORAGE_UNREADABLE, STORAGE_FULL */
  constructor(options: LmdbOptions, dependencies: LmdbDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    using _ = prepareEnvironment(options.directory)
    this.#root = open(options.directory, {
      ...BINARY,
      pageSize: LMDB_PAGE_BYTES,
      // Otherwise a directory with a dot in its name, like `index.draft`, is taken for a file.
      noSubdir: false,
      mapSize: FIRST_MAP_BYTES,
      maxDbs: MAX_BUCKETS,
      overlappingSync: false,
      // Batching by event turn makes a second promise for each commit that nobody can catch when the commit fails.
      eventTurnBatching: false,
    })
    this.#openTables()
    this.#measureFile(statSync(join(options.directory, LMDB_DATA_FILE)).size)
  }

  bucket(name: string): Bucket {
    return this.#bucketOf(tableOf(name, this.#options.environment))
  }

  /** Bytes that puts may still take, as far as committed; exact where there are fewer than `wanted`. */
  roomBytes(wanted: number): number {
    this.#checkOpen()
    return this.#roomBytes >= wanted ? this.#roomBytes : this.#options.mapBytes - this.#usedBytes()
  }

  async write<T>(change: (batch: LmdbBatch) => T): Promise<T> {
    this.#checkOpen()
    if (this.#failure) throw this.#failure
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    let result: T
    this.#changes.push({
      run(batch) {
        result = change(batch)
      },
      resolve: () => resolve(result),
      reject,
    })
    this.#committing ??= this.#commitAll()
    return promise
  }

  /** Of the data file: what it ever grew to. */
  get fileBytes(): number {
    return this.#fileBytes
  }

  /** Of the pages in use, as committed. */
  get liveBytes(): number {
    this.#pages ??= new Map([...this.#buckets.values()].map(bucket => [bucket, bucket.pages()]))
    let pages = 0
    for (const count of this.#pages.values()) pages += count
    return pages * LMDB_PAGE_BYTES
  }

  /** Of the pages in use. */
  get usedBytes(): number {
    this.#checkOpen()
    return this.#usedBytes()
  }

  /** Number of the last transaction that changed something. */
  get lastTransaction(): number {
    this.#checkOpen()
    return (this.#root.getStats() as { lastTxnId: number }).lastTxnId
  }

  /** Names of the tables on disk. */
  tables(): string[] {
    return [...this.#buckets.keys()]
  }

  /** A table by its name on disk: for copying a whole environment. */
  table(name: string): Bucket {
    return this.#bucketOf(name)
  }

  /** Writes a compact copy of what is committed to `directory`, which exists and is empty. */
  async copyTo(directory: string): Promise<void> {
    this.#checkOpen()
    await this.#snapshots.hold(() => this.#root.backup(directory, true))
  }

  /**
   * Runs a check of the file while it is in use. No page of what is committed now is written to meanwhile; only what the
   * first pages say of the last commit changes under the eyes of `problem`, which is why it has to find a problem twice.
   * Where deletes need the pages that this keeps from them, the check is over, and has found nothing.
   */
  async checkLive(problem: () => Promise<string | undefined>): Promise<string | undefined> {
    for (const isLast of [false, true]) {
      this.#checkOpen()
      const transaction = this.#root.useReadTransaction()
      const found = await this.#snapshots.hold(problem, () => transaction.done())
      if (found === undefined || isLast) return found
    }
    return undefined
  }

  /** Nothing more is written: what is read or was checked shows that the file is damaged. */
  fail(failure: Error): void {
    if (this.#failure) return
    this.#failure = failure
    this.#dependencies.onFatal(failure)
  }

  /** Resolves when no transaction is under way. */
  async idle(): Promise<void> {
    await this.#committing
  }

  /** Waits for the changes under way, then closes. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.idle()
      await this.#root.close()
    })()
    return this.#closing
  }

  async #commitAll(): Promise<void> {
    // Lets what the caller's turn still brings join the first commit.
    await null
    while (this.#changes.length > 0) await this.#commit(this.#changes.splice(0, MAX_CHANGES_PER_COMMIT))
    this.#committing = undefined
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    const failures = new Map<Change, unknown>()
    const liveBytes = this.liveBytes
    const freePages = (this.#fileBytes - liveBytes) / LMDB_PAGE_BYTES
    const growth = new CommitGrowth<LmdbBucket>(table => table.tree(), freePages)
    const pages = new Map(this.#pages)
    let applied = 0
    let hasPuts = false
    try {
      if (this.#failure) throw this.#failure
      await this.#root.transaction(() => {
        for (const change of changes) {
          try {
            hasPuts = this.#apply(change, growth, applied === 0 ? liveBytes : undefined) > 0 || hasPuts
          } catch (error) {
            if (error === LATER) break
            failures.set(change, explained(error, this.#options))
          }
          applied++
        }
        for (const table of growth.tables) pages.set(table, table.pages())
      })
      this.#pages = pages
      this.#measureFile()
    } catch (error) {
      this.#dependencies.onCommit?.('failed')
      const failure = await this.#commitFailure(error)
      for (const change of changes) change.reject(failures.get(change) ?? failure)
      return
    }
    const isRefused = [...failures.values()].some(failure => isSkepError(failure, 'STORAGE_FULL'))
    if (isRefused || hasPuts) this.#dependencies.onCommit?.(isRefused ? 'failed' : 'flushed')
    this.#changes.unshift(...changes.slice(applied))
    for (const change of changes.slice(0, applied)) {
      if (failures.has(change)) change.reject(failures.get(change))
      else change.resolve()
    }
  }

  /**
   * Runs one change in a nested transaction, so that it alone is undone where it throws. Returns the bytes that it puts,
   * about. `liveBytes` are those before it, where it is the first of its commit.
   */
  #apply(change: Change, growth: CommitGrowth<LmdbBucket>, liveBytes: number | undefined): number {
    const usedBytes = this.#roomBytes < 0 ? this.#usedBytes() : 0
    let putBytes = 0
    let open = true
    const own = (bucket: Bucket): LmdbBucket => {
      if (!open) throw new Error('the transaction of this batch is over')
      if (bucket instanceof LmdbBucket && this.#buckets.get(bucket.name) === bucket) return bucket
      throw new Error(`the bucket is of another store than the ${this.#options.environment}`)
    }
    const put = (bucket: Bucket, key: Uint8Array, value: Uint8Array): void => {
      growth.put(own(bucket), value.length)
      own(bucket).table.put(key, value)
    }
    try {
      this.#root.childTransaction(() => {
        change.run({
          put(bucket, key, value) {
            checkKey(key)
            putBytes += value.length + PAGES_PER_PUT * LMDB_PAGE_BYTES
            put(bucket, key, value)
          },
          overwrite: put,
          delete(bucket, key) {
            checkKey(key)
            growth.delete(own(bucket))
            own(bucket).table.remove(key)
          },
        })
        this.#checkRoom(putBytes, usedBytes)
        this.#checkGrowth(growth, putBytes, liveBytes)
      })
      return putBytes
    } finally {
      open = false
    }
  }

  /** Refuses what makes a full environment grow. `usedBefore` is known where there was no room before. */
  #checkRoom(putBytes: number, usedBefore: number): void {
    this.#roomBytes -= putBytes
    if (putBytes === 0 || this.#roomBytes >= 0) return
    const usedBytes = this.#usedBytes()
    this.#roomBytes = this.#options.mapBytes - usedBytes
    if (this.#roomBytes >= 0 || usedBytes <= usedBefore) return
    throw storageError(
      'STORAGE_FULL',
      `the ${this.#options.environment} is full: ${usedBytes} of ${this.#options.mapBytes} bytes`,
    )
  }

  /**
   * Refuses what could make the file longer than it may be, unless it puts nothing or leaves more pages free than it found:
   * that goes on, alone in its commit.
   */
  #checkGrowth(growth: CommitGrowth<LmdbBucket>, putBytes: number, liveBytes: number | undefined): void {
    const roomBytes = this.#dependencies.growthRoomBytes?.() ?? Number.POSITIVE_INFINITY
    if (roomBytes === Number.POSITIVE_INFINITY) return
    const neededBytes = growth.bytes
    if (neededBytes <= roomBytes) return
    const freeBytes = this.#fileBytes - this.#usedBytes()
    if (!this.#snapshots.areHeld && freeBytes >= AMPLE_FREE_PAGES * neededBytes) return
    if (liveBytes === undefined) throw LATER
    if (putBytes > 0 && this.#usedBytes() > liveBytes) {
      throw storageError(
        'STORAGE_FULL',
        `the ${this.#options.environment} is full: the store has no room for it to grow`,
      )
    }
    // What comes next finds the pages that it frees.
    this.#snapshots.giveUp()
  }

  #measureFile(bytes = 0): void {
    const { lastPageNumber } = this.#root.getStats() as { lastPageNumber: number }
    this.#fileBytes = Math.max(this.#fileBytes, bytes, (lastPageNumber + 1) * LMDB_PAGE_BYTES)
  }

  #usedBytes(): number {
    let pages = 0
    for (const bucket of this.#buckets.values()) pages += bucket.pages()
    return pages * LMDB_PAGE_BYTES
  }

  async #commitFailure(error: unknown): Promise<unknown> {
    if (error === this.#failure) return error
    const cause = await causeOfFailedCommit(error)
    this.#roomBytes = -1
    this.#pages = undefined
    this.#measureFile(statSync(join(this.#options.directory, LMDB_DATA_FILE)).size)
    const failure = explained(cause, this.#options)
    if (codeOf(cause) === undefined || isForWantOfRoom(cause, this.#options)) return failure
    this.fail(failure)
    return failure
  }

  /** What LMDB says where it can't read is that its pages are damaged: only the next start can put that right. */
  #readFailure(error: unknown): unknown {
    const code = codeOf(error)
    if (code === undefined || code >= 0) return error
    const { environment, directory } = this.#options
    const failure = storageError(
      'STORAGE_FAILED',
      `the ${environment} in ${directory} is damaged: ${messageOf(error)}`,
      { cause: error },
    )
    this.fail(failure)
    return failure
  }

  #openTables(): void {
    this.#root.transactionSync(() => {
      // LMDB keeps the names of tables as C strings.
      for (const key of [...this.#root.getKeys()])
        this.#bucketOf(Buffer.from(key).toString().replace(/\0$/, ''))
    })
  }

  #bucketOf(table: string): LmdbBucket {
    this.#checkOpen()
    const bucket =
      this.#buckets.get(table) ??
      new LmdbBucket(table, this.#root.openDB(table, BINARY), {
        checkOpen: () => this.#checkOpen(),
        failed: error => this.#readFailure(error),
      })
    if (!this.#buckets.has(table)) this.#pages = undefined
    this.#buckets.set(table, bucket)
    return bucket
  }

  #checkOpen(): void {
    if (this.#closing) throw storageError('STORAGE_CLOSED', `the ${this.#options.environment} is closed`)
  }
}
