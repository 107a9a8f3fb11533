import type { CID } from 'multiformats/cid'
import { byteKey } from '../byte-key.ts'
import { isSkepError } from '../errors.ts'
import { untilAborted } from '../until-aborted.ts'
import type { BlockShelf, ShelfBlock, ShelfReadOptions } from './block-shelf.ts'
import { storageError } from './errors.ts'
import { IndexRoom } from './index-room.ts'
import { type Allowance, Quota, type RoomKind } from './quota.ts'
import { diskBytesOf, indexBytesOf, isInline, MAX_BLOCK_BYTES, MAX_HASH_BYTES } from './size-classes.ts'
import type {
  BlockCheck,
  BlockEntry,
  BlockStore,
  BlockToPut,
  Evictor,
  Reservation,
  StorageStats,
  WaitOptions,
} from './storage.ts'

export interface BlockStoreOptions {
  readonly maxBytes: number
}

type PutOptions = WaitOptions & { reservation?: Reservation; given?: boolean; crc?: number }

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
  readonly #deleteListeners = new Set<(hashes: readonly Uint8Array[]) => void>()
  #check: BlockCheck | undefined
  #settling: Promise<void> | undefined

  constructor(options: BlockStoreOptions, shelf: BlockShelf) {
    this.#shelf = shelf
    this.#quota = new Quota(
      { maxBytes: options.maxBytes, headroomBytes: shelf.headroomBytes },
      { use: () => shelf.use, diskRoomBytes: () => shelf.diskRoomBytes() },
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
    if (this.#deletes.has(byteKey(hash))) {
      throw storageError('BLOCK_NOT_FOUND', `block ${Buffer.from(hash).toString('hex')} is not held`)
    }
    return untilAborted(this.#read(hash, { isGood, isUncached: true }), signal)
  }

  async put(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    const { signal, crc } = options
    signal?.throwIfAborted()
    if (inlinedBytes(cid)) return
    checkBlock(cid, bytes)
    const hash = cid.multihash.bytes
    const key = byteKey(hash)
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
    await untilAborted(this.#begin(new Map([[key, { hash, bytes, crc }]]), options), signal)
  }

  async putAll(blocks: readonly BlockToPut[], options: { reservation?: Reservation } = {}): Promise<void> {
    for (const { cid, bytes } of blocks) checkBlock(cid, bytes)
    const puts: Promise<void>[] = []
    const small = new Map<string, ShelfBlock>()
    for (const { cid, bytes } of blocks) {
      const hash = cid.multihash.bytes
      const key = byteKey(hash)
      const isAlone = !isInline(bytes.length) || inlinedBytes(cid) !== undefined || this.#underWay(key)
      if (isAlone) puts.push(this.put(cid, bytes, options))
      else if (this.#heldSize(hash) === undefined) small.set(key, { hash, bytes })
    }
    if (small.size > 0) puts.push(this.#begin(small, options))
    const outcomes = await Promise.allSettled(puts)
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** Stores `blocks`, by key: several small ones, or one. */
  #begin(blocks: ReadonlyMap<string, ShelfBlock>, options: PutOptions): Promise<void> {
    const put = this.#store([...blocks.values()], options).finally(() => {
      for (const key of blocks.keys()) this.#puts.delete(key)
    })
    for (const key of blocks.keys()) this.#puts.set(key, put)
    return put
  }

  async delete(hashes: readonly Uint8Array[]): Promise<number> {
    const keys = hashes.map(byteKey)
    const removal = this.#shelf.remove(hashes)
    for (const key of keys) this.#deletes.set(key, removal)
    try {
      return await removal
    } finally {
      for (const key of keys) if (this.#deletes.get(key) === removal) this.#deletes.delete(key)
      for (const listener of this.#deleteListeners) listener(hashes)
    }
  }

  list(options: { after?: Uint8Array; limit?: number } = {}): BlockEntry[] {
    return this.#shelf.list(options)
  }

  async reserve(
    bytes: number,
    { blocks, ...options }: WaitOptions & { readonly blocks?: number } = {},
  ): Promise<Reservation> {
    const count = blocks ?? Math.ceil(bytes / MAX_BLOCK_BYTES)
    const blockBytes = blocks === undefined ? Math.min(bytes, MAX_BLOCK_BYTES) : Math.ceil(bytes / blocks)
    const diskBytes = blocks === undefined ? bytes : blocks * diskBytesOf(blockBytes)
    const reservation = await this.#quota.reserve(roomOf(blockBytes), diskBytes, options)
    try {
      using _ = await this.#indexRoom.take(count * indexBytesOf(blockBytes), options)
      return reservation
    } catch (error) {
      reservation.release()
      throw error
    }
  }

  checkCapacity(bytes: number): void {
    this.#quota.checkCapacity(roomOf(bytes), bytes)
  }

  attachEvictor(evictor: Evictor): () => void {
    const detach = this.#quota.attachEvictor(evictor)
    this.#settle()
    return detach
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

  onDeleted(listener: (hashes: readonly Uint8Array[]) => void): () => void {
    this.#deleteListeners.add(listener)
    return () => this.#deleteListeners.delete(listener)
  }

  stats(): StorageStats {
    const { usedBytes, reservedBytes, maxBytes } = this.#quota
    const { blocks, blockBytes, freeDiskBytes, seenDiskRoomBytes } = this.#shelf
    const diskRoomBytes = seenDiskRoomBytes - reservedBytes
    const roomBytes = Math.max(0, Math.min(this.#quota.roomBytes('segments'), diskRoomBytes))
    return { blocks, blockBytes, usedBytes, reservedBytes, roomBytes, maxBytes, freeDiskBytes }
  }

  #read(hash: Uint8Array, options: Omit<ShelfReadOptions, 'onDamaged'>): Promise<Uint8Array> {
    return this.#shelf.read(hash, {
      ...options,
      onDamaged: () => {
        for (const listener of this.#damageListeners) listener(hash)
      },
    })
  }

  /** All of them take room of one kind. */
  async #store(
    blocks: readonly ShelfBlock[],
    { signal, reservation, given = false }: PutOptions,
  ): Promise<void> {
    const allowance = await this.#allowance(blocks, reservation, signal)
    try {
      using _ = await this.#indexRoom.take(sumOf(blocks, indexBytesOf), { signal })
      await this.#write(blocks, { given, allowance, signal })
    } finally {
      allowance.release()
    }
    if (this.#quota.isOver) this.#settle()
    for (const { hash, bytes } of blocks) {
      this.#quota.evictor?.stored(hash)
      for (const listener of this.#listeners) listener(hash, bytes.length)
    }
  }

  async #write(
    blocks: readonly ShelfBlock[],
    { given, allowance, signal }: WaitOptions & { given: boolean; allowance: Allowance },
  ): Promise<void> {
    for (let left = blocks; left.length > 0; ) {
      try {
        await this.#shelf.write(left, { given, onPlaced: bytes => allowance.shrink(diskBytesOf(bytes)) })
        return
      } catch (error) {
        // Room of one kind can't always become room of another: more of it may.
        if (!isSkepError(error, 'STORAGE_FULL') || allowance.bytes === 0) throw error
        left = left.filter(({ hash }) => this.#shelf.sizeOf(hash) === undefined)
        const freedBytes = await this.#quota.evictor?.evict(sumOf(left, diskBytesOf), { signal })
        signal?.throwIfAborted()
        if (!freedBytes) throw error
      }
    }
  }

  /**
   * Comes back within the bound where the store is larger: `maxBytes` was lowered, or the index got longer. What can't
   * be freed is left to the next put to tell.
   */
  #settle(): void {
    this.#settling ??= this.#quota
      .settle(() => this.#shelf.shrink())
      .catch(() => undefined)
      .finally(() => {
        this.#settling = undefined
      })
  }

  /** Exactly what blocks take, out of `reservation` as far as it goes. */
  async #allowance(
    blocks: readonly ShelfBlock[],
    reservation: Reservation | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Allowance> {
    const kind = blocks.every(({ bytes }) => isInline(bytes.length)) ? 'index' : 'segments'
    const bytes = sumOf(blocks, diskBytesOf)
    const own = this.#quota.split(kind, reservation, bytes)
    if (own.bytes === bytes) return own
    try {
      const rest = await this.#quota.reserve(kind, bytes - own.bytes, { signal })
      return own.join(rest)
    } catch (error) {
      own.release()
      throw error
    }
  }

  /** A block whose delete has begun is gone: a put from then on stores it anew. */
  #heldSize(hash: Uint8Array): number | undefined {
    return this.#deletes.size > 0 && this.#deletes.has(byteKey(hash)) ? undefined : this.#shelf.sizeOf(hash)
  }

  #underWay(key: string): Promise<unknown> | undefined {
    return this.#puts.get(key) ?? this.#deletes.get(key)
  }
}

/** Where room for so many bytes is looked for: a block, or several that aren't small. */
function roomOf(payloadBytes: number): RoomKind {
  return isInline(payloadBytes) ? 'index' : 'segments'
}

function sumOf(blocks: readonly ShelfBlock[], costOf: (payloadBytes: number) => number): number {
  return blocks.reduce((sum, { bytes }) => sum + costOf(bytes.length), 0)
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
