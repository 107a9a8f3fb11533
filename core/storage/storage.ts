import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'

export interface WaitOptions {
  readonly signal?: AbortSignal
}

/**
 * An ordered table of bytes. Keys sort as unsigned bytes, up to 1,978 of them. Reads are synchronous, from the page
 * cache; writes happen in `KeyValueStore.write`.
 */
export interface Bucket {
  /** The caller owns the bytes. */
  get(key: Uint8Array): Uint8Array | undefined
  has(key: Uint8Array): boolean
  /** Entries with `from <= key < to`, in order, or in reverse order where `reverse`. Safe against writes during iteration. */
  entries(range?: KeyRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]>
  keys(range?: KeyRange): Iterable<Uint8Array>
  /** Number of entries. */
  size(): number
}

export interface KeyRange {
  readonly from?: Uint8Array
  /** Exclusive. */
  readonly to?: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

/** Changes to any buckets of one environment, applied together or not at all. */
export interface WriteBatch {
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void
  delete(bucket: Bucket, key: Uint8Array): void
}

/** One LMDB environment (or its memory twin). */
export interface KeyValueStore {
  /**
   * A core bucket by its name in `buckets.ts`, or a plugin's own: `<plugin>/<name>`.
   *
   * @throws SkepError BUCKET_UNKNOWN, STORAGE_CLOSED
   */
  bucket(name: string): Bucket
  /**
   * Runs `change` in one serialised transaction: what it reads through buckets includes its own puts and deletes, and no
   * other write comes between. Resolves with its result once the changes have **flushed**; concurrent writes share a
   * flush. Where `change` throws, nothing of it is written. `change` is synchronous.
   *
   * @throws SkepError STORAGE_FULL, STORAGE_FAILED
   */
  write<T>(change: (batch: WriteBatch) => T): Promise<T>
}

/** Bytes promised to a writer before it writes. What isn't used is given back by `release`, which is idempotent. */
export interface Reservation {
  readonly bytes: number
  release(): void
}

export interface BlockToPut {
  readonly cid: CID
  /** Must not change until the put is over. */
  readonly bytes: Uint8Array
}

export interface BlockEntry {
  /** Multihash bytes: the key. */
  readonly hash: Uint8Array
  /** Payload bytes. */
  readonly size: number
}

/**
 * Blocks by multihash: what two CIDs share but for codec and version is one block. Never verifies hashes, but never
 * returns bytes whose checksum fails. Identity CIDs are answered from the CID and never stored.
 */
export interface BlockStore {
  has(cid: CID): boolean
  /** Payload bytes of a held block. */
  sizeOf(cid: CID): number | undefined
  /**
   * The caller owns the bytes.
   * @throws SkepError BLOCK_NOT_FOUND, BLOCK_CORRUPT (checksum or EIO: the block then counts as absent), STORAGE_FAILED
   */
  get(cid: CID, options?: WaitOptions): Promise<Uint8Array>
  /**
   * Resolves when the block is durable: its segment synced, its index entry flushed. Puts that overlap share both, so
   * keep several in flight. A block already held resolves at once. `bytes` must not change until then; with `given`
   * they are the store's, which may give their memory back as soon as they are written. `crc` is the CRC-32 of `bytes`,
   * from a caller who has it already.
   *
   * @throws SkepError STORAGE_FULL (quota or disk), BLOCK_TOO_LARGE, STORAGE_FAILED
   */
  put(
    cid: CID,
    bytes: Uint8Array,
    options?: WaitOptions & { reservation?: Reservation; given?: boolean; crc?: number },
  ): Promise<void>
  /**
   * `put` of many blocks, of which small ones share their bookkeeping. Ends when all have; rejects with the first failure.
   *
   * @throws SkepError as `put`
   */
  putAll(blocks: readonly BlockToPut[], options?: { reservation?: Reservation }): Promise<void>
  /**
   * The block as the disk has it, for whoever looks for damage: `get` past the page cache, where the file system can do
   * that, and without telling the evictor. Blocks under 32 KiB lie in the index and come as the kernel has them. What
   * `isGood` refuses is damaged, too.
   *
   * @throws SkepError as `get`
   */
  inspect(hash: Uint8Array, isGood: BlockCheck, options?: WaitOptions): Promise<Uint8Array>
  /** Frees blocks; absent ones are ignored. Resolves with the disk bytes freed. Doesn't ask about pins: the caller has. */
  delete(hashes: readonly Uint8Array[]): Promise<number>
  /** All blocks in key order, from `after` on (exclusive); at most `limit`. */
  list(options?: { after?: Uint8Array; limit?: number }): BlockEntry[]
  /**
   * Sets `bytes` aside within `maxBytes`, evicting where that is needed and an evictor is attached. `blocks`: of how many
   * blocks of about one size they are, where they are of several; what small ones take beside their bytes is set aside, too.
   * @throws SkepError STORAGE_FULL, naming what was asked and what is free
   */
  reserve(bytes: number, options?: WaitOptions & { readonly blocks?: number }): Promise<Reservation>
  /**
   * For whoever is about to store so many bytes, some of which may be held already: refuses what could not be held even if
   * nothing else were. Evicts nothing.
   * @throws SkepError STORAGE_FULL
   */
  checkCapacity(bytes: number): void
  /** Who makes room. One at a time; returns the function that detaches it. */
  attachEvictor(evictor: Evictor): () => void
  /** Who judges what `get` has read, before it gives it out. One at a time; returns the function that detaches it. */
  attachCheck(isGood: BlockCheck): () => void
  /**
   * Tells of each block that was found damaged, whoever read it, and counts as absent since. `listener` must not throw.
   * Returns the function that ends it.
   */
  onDamaged(listener: (hash: Uint8Array) => void): () => void
  /**
   * Tells of each block that came to be held, by its multihash, and of its payload bytes. `listener` must not throw. Returns
   * the function that ends it.
   */
  onStored(listener: (hash: Uint8Array, bytes: number) => void): () => void
  /**
   * Tells of blocks that were given to `delete`, once that has ended: they are no longer held, but for those that it failed to
   * delete or that were stored anew meanwhile. `listener` must not throw. Returns the function that ends it.
   */
  onDeleted(listener: (hashes: readonly Uint8Array[]) => void): () => void
  stats(): StorageStats
}

/** True where `bytes` are what `hash` names. Must leave them as they are. */
export type BlockCheck = (hash: Uint8Array, bytes: Uint8Array) => boolean | Promise<boolean>

/** Makes room and learns what is used. Told about each read and write after the fact; must not throw. */
export interface Evictor {
  /** Frees at least `bytes` on disk where it can; resolves with the bytes freed. */
  evict(bytes: number, options?: WaitOptions): Promise<number>
  read(hash: Uint8Array): void
  stored(hash: Uint8Array): void
}

export interface StorageStats {
  readonly blocks: number
  /** Bytes that blocks take: whole slots, and small ones with their overhead in the index. */
  readonly blockBytes: number
  /** What the data directory takes on disk, never less than `du` says: free slots, free pages and the vault count. */
  readonly usedBytes: number
  readonly reservedBytes: number
  /** What large blocks can still take before others have to go: free slots count. Neither bound nor disk has more. */
  readonly roomBytes: number
  readonly maxBytes: number
  /** Free bytes of the file system. */
  readonly freeDiskBytes: number
}

/** All segments whose slots have one size. */
export interface SegmentClass {
  readonly slotBytes: number
  readonly segments: number
  /** As many as fit into the segments once they are full; of a segment that isn't, the file is shorter. */
  readonly slots: number
  /** By blocks, and by what is in quarantine. */
  readonly takenSlots: number
}

/** What there is on disk, by kind. Sizes of files are what they take of the disk. */
export interface StorageCensus {
  readonly quota: StorageStats
  /** Blocks that lie in the index. */
  readonly inlineBlocks: number
  readonly segmentBlocks: number
  readonly segments: readonly SegmentClass[]
  readonly segmentBytes: number
  /** Slots that held damaged blocks. */
  readonly quarantine: { readonly slots: number; readonly bytes: number }
  /** What isn't in use of a file is free pages, which come to use again. */
  readonly index: { readonly fileBytes: number; readonly usedBytes: number }
  readonly vault: { readonly fileBytes: number; readonly usedBytes: number; readonly snapshotBytes: number }
}

/** What a probe of the storage rests on. */
export interface StorageProof {
  /** How long ago the last write flushed; 0 where the probe wrote. */
  readonly flushedMsAgo: number
}

/** Damage that was found when the store opened, and what was done about it. */
export interface StorageRepair {
  readonly part: 'index' | 'vault'
  /** What was wrong, what was done, and what may be missing since: a sentence for whoever runs the node. */
  readonly message: string
  /** True until somebody has seen to what may be missing: health is to tell. */
  readonly needsAttention: boolean
}

/** All that a node keeps on disk. */
export interface Storage {
  /** What can be made again: index, metadata, small blocks, caches. */
  readonly index: KeyValueStore
  /** What can't: pins. Small, with rolling snapshots. */
  readonly vault: KeyValueStore
  /**
   * Buckets of the index for what may be lost, and changes all day: peers met, volumes counted, things used. All changes share
   * one transaction a period, so that a card isn't worn by them: `write` resolves before its changes are on disk, and a crash
   * loses those of the last period. A bucket is written to either here or through `index`, not both.
   */
  readonly bookkeeping: KeyValueStore
  readonly blocks: BlockStore
  /** Reads no block; some milliseconds for each hundred gigabytes. */
  census(): Promise<StorageCensus>
  /**
   * Shows that the store works, or throws: it is writable, a value reads back, and a write has flushed within `maxAgeMs`. The
   * last real one will do, where nothing has failed since; else a value is written and flushed. Default: 0, a write each time.
   */
  probe(options?: WaitOptions & { readonly maxAgeMs?: number }): Promise<StorageProof>
  /** What was damaged when the store opened, or before that and still wants attention. */
  readonly repairs: readonly StorageRepair[]
  /**
   * Reads the tables of index and vault and looks whether they hold together, beside whatever reads and writes meanwhile. Blocks
   * are not read: `inspect` is for them. Where something is damaged, nothing more is written, and `onFatal` is called: the next
   * start puts it right.
   *
   * @throws SkepError STORAGE_FAILED, naming what is damaged
   */
  checkTables(options?: WaitOptions): Promise<void>
  /** Flushes and closes. Idempotent. */
  close(): Promise<void>
}

export const Storage: Token<Storage> = token('storage')
