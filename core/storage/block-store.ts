import type { CID } from 'multiformats/cid'
import { storageError } from './errors.ts'
import { IndexRoom } from './index-room.ts'
import { type Allowance, Quota } from './quota.ts'
import { diskBytesOf, indexBytesOf, MAX_BLOCK_BYTES, MAX_HASH_BYTES } from './size-classes.ts'
import type {
  BlockCheck,
  BlockEntry,
  BlockStore,
  Evictor,
  Reservation,
  StorageStats,
  WaitOptions,
} from './storage.ts'

export interface ShelfReadOptions {
  /** Hears once of a block that was damaged and is gone, and of the disk bytes that came free with it. */
  onDamaged(freedBytes: number): void
  /** What it refuses is damaged. */
  readonly isGood?: BlockCheck | undefined
  /** Past the page cache. */
  readonly isUncached?: boolean
}

/** Where blocks lie: on disk or in memory. Knows neither quota nor evictor. */
export interface BlockShelf {
  /** Payload bytes of a held block. */
  sizeOf(hash: Uint8Array): number | undefined
  /**
   * The caller owns the bytes.
   * @throws SkepError BLOCK_NOT_FOUND, BLOCK_CORRUPT, STORAGE_FAILED
   */
  read(hash: Uint8Array, options: ShelfReadOptions): Promise<Uint8Array>
  /** Resolves when the block, which was not held, is durable. */
  write(hash: Uint8Array, bytes: Uint8Array): Promise<void>
  /** Resolves with the disk bytes that are free again. */
  remove(hashes: readonly Uint8Array[]): Promise<number>
  list(options: { after?: Uint8Array; limit?: number }): BlockEntry[]
  readonly blocks: number
  /** Disk bytes in use when the shelf was opened. */
  readonly usedBytes: number
  /** Free bytes of the file system, as last seen. */
  readonly freeDiskBytes: number
  /** Disk bytes that blocks may still take, asked of the file system. */
  diskRoomBytes(): Promise<number>
  /** Bytes that blocks may still take in the index; exact where there are fewer than `wanted`. */
  indexRoomBytes(wanted: number): number
}

export interface BlockStoreOptions {
  readonly maxBytes: number
}

type PutOptions = WaitOptions & { reservation?: Reservation }

/** Blocks on a shelf, within a quota: both twins share what a store promises and differ only in where bytes lie. */
export class QuotaBlockStore implements BlockStore {
  readonly #shelf: BlockShelf
  readonly #quota: Quota
  readonly #indexRoom: IndexRoom
  /** Writes and deletes under way, by hash; as many as callers wait for. */
  readonly #puts = new Map<string, Promise<void>>()
  readonly #deletes = new Map<string, Promise<unknown>>()
  readonly #listeners = new Set<(hash: Uint8Array, bytes: number) => void>()
  readonly #damageListeners = new Set<(hash: Uint8Array) => void>()
  #check: BlockCheck | undefined

  constructor(options: BlockStoreOptions, shelf: BlockShelf) {
    this.#shelf = shelf
    this.#quota = new Quota(
      { maxBytes: options.maxBytes, usedBytes: shelf.usedBytes },
      { diskRoomBytes: () => shelf.diskRoomBytes() },
    )
    this.#indexRoom = new IndexRoom({
      roomBytes: wanted => shelf.indexRoomBytes(wanted),
      evictor: () => this.#quota.evictor,
    })
  }

  has(cid: CID): boolean {
    return this.sizeOf(cid) !== undefined
  }

  sizeOf(cid: CID): number | undefined {
    return inlinedBytes(cid)?.length ?? this.#heldSize(cid.multihash.bytes)
  }

  async get(cid: CID, { signal }: WaitOptions = {}): Promise<Uint8Array> {
    signal?.throwIfAborted()
    const inlined = inlinedBytes(cid)
    if (inlined) return new Uint8Array(inlined)
    const hash = cid.multihash.bytes
    if (this.#heldSize(hash) === undefined) throw storageError('BLOCK_NOT_FOUND', `block ${cid} is not held`)
    const bytes = await untilAborted(this.#read(hash, { isGood: this.#check }), signal)
    this.#quota.evictor?.read(hash)
    return bytes
  }

  async inspect(hash: Uint8Array, isGood: BlockCheck, { signal }: WaitOptions = {}): Promise<Uint8Array> {
    signal?.throwIfAborted()
    if (this.#heldSize(hash) === undefined) {
      throw storageError('BLOCK_NOT_FOUND', `block ${Buffer.from(hash).toString('hex')} is not held`)
    }
    return untilAborted(this.#read(hash, { isGood, isUncached: true }), signal)
  }

  async put(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    const { signal } = options
    signal?.throwIfAborted()
    if (inlinedBytes(cid)) return
    checkBlock(cid, bytes)
    const hash = cid.multihash.bytes
    const key = textOf(hash)
    // What another put of this block ends with, say its abort, is its own: then this one stores the block.
    for (let other = this.#underWay(key); other; other = this.#underWay(key)) {
      await untilAborted(
        other.then(
          () => undefined,
          () => undefined,
        ),
        signal,
      )
    }
    if (this.#heldSize(hash) !== undefined) return
    const put = this.#store(hash, bytes, options).finally(() => this.#puts.delete(key))
    this.#puts.set(key, put)
    await untilAborted(put, signal)
  }

  async delete(hashes: readonly Uint8Array[]): Promise<number> {
    const keys = hashes.map(textOf)
    const removal = this.#shelf.remove(hashes)
    for (const key of keys) this.#deletes.set(key, removal)
    try {
      const freedBytes = await removal
      this.#quota.free(freedBytes)
      return freedBytes
    } finally {
      for (const key of keys) if (this.#deletes.get(key) === removal) this.#deletes.delete(key)
    }
  }

  list(options: { after?: Uint8Array; limit?: number } = {}): BlockEntry[] {
    return this.#shelf.list(options)
  }

  reserve(bytes: number, options?: WaitOptions): Promise<Reservation> {
    return this.#quota.reserve(bytes, options)
  }

  attachEvictor(evictor: Evictor): () => void {
    return this.#quota.attachEvictor(evictor)
  }

  attachCheck(isGood: BlockCheck): () => void {
    if (this.#check) throw new Error('a check is attached already: detach it first')
    this.#check = isGood
    return () => {
      if (this.#check === isGood) this.#check = undefined
    }
  }

  onDamaged(listener: (hash: Uint8Array) => void): () => void {
    this.#damageListeners.add(listener)
    return () => this.#damageListeners.delete(listener)
  }

  onStored(listener: (hash: Uint8Array, bytes: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stats(): StorageStats {
    const { usedBytes, reservedBytes, maxBytes } = this.#quota
    const { blocks, freeDiskBytes } = this.#shelf
    return { blocks, usedBytes, reservedBytes, maxBytes, freeDiskBytes }
  }

  #read(hash: Uint8Array, options: Omit<ShelfReadOptions, 'onDamaged'>): Promise<Uint8Array> {
    return this.#shelf.read(hash, {
      ...options,
      onDamaged: freedBytes => {
        this.#quota.free(freedBytes)
        for (const listener of this.#damageListeners) listener(hash)
      },
    })
  }

  async #store(hash: Uint8Array, bytes: Uint8Array, { signal, reservation }: PutOptions): Promise<void> {
    const allowance = await this.#allowance(diskBytesOf(bytes.length), reservation, signal)
    try {
      using _ = await this.#indexRoom.take(indexBytesOf(bytes.length), { signal })
      await this.#shelf.write(hash, bytes)
      this.#quota.use(allowance)
    } finally {
      allowance.release()
    }
    this.#quota.evictor?.stored(hash)
    for (const listener of this.#listeners) listener(hash, bytes.length)
  }

  /** Exactly `bytes`, out of `reservation` as far as it goes. */
  async #allowance(bytes: number, reservation?: Reservation, signal?: AbortSignal): Promise<Allowance> {
    const own = this.#quota.split(reservation, bytes)
    if (own.bytes === bytes) return own
    try {
      const rest = await this.#quota.reserve(bytes - own.bytes, { signal })
      return own.join(rest)
    } catch (error) {
      own.release()
      throw error
    }
  }

  /** A block whose delete has begun is gone: a put from then on stores it anew. */
  #heldSize(hash: Uint8Array): number | undefined {
    return this.#deletes.size > 0 && this.#deletes.has(textOf(hash)) ? undefined : this.#shelf.sizeOf(hash)
  }

  #underWay(key: string): Promise<unknown> | undefined {
    return this.#puts.get(key) ?? this.#deletes.get(key)
  }
}

/** Multihash code of the identity "hash", whose digest is the content. */
const IDENTITY = 0x00

function inlinedBytes(cid: CID): Uint8Array | undefined {
  return cid.multihash.code === IDENTITY ? cid.multihash.digest : undefined
}

function checkBlock(cid: CID, bytes: Uint8Array): void {
  if (bytes.length > MAX_BLOCK_BYTES) {
    throw storageError(
      'BLOCK_TOO_LARGE',
      `block ${cid} has ${bytes.length} bytes, more than ${MAX_BLOCK_BYTES}`,
    )
  }
  const hashBytes = cid.multihash.bytes.length
  if (hashBytes > MAX_HASH_BYTES) {
    throw storageError(
      'KEY_INVALID',
      `the multihash of ${cid} has ${hashBytes} bytes, not 1 to ${MAX_HASH_BYTES}`,
    )
  }
}

/** A map key of the same bytes: one character a byte. */
function textOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1')
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
