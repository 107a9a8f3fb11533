import type { BlockCheck, BlockEntry } from './storage.ts'

export interface ShelfReadOptions {
  /** Hears once of a block that was damaged and is gone. */
  onDamaged(): void
  /** What it refuses is damaged. */
  readonly isGood?: BlockCheck | undefined
  /** Past the page cache. */
  readonly isUncached?: boolean
}

/** What a store takes on disk, in bytes. */
export interface DiskUse {
  /** All of it, with what is under way. */
  readonly usedBytes: number
  /** Part of it in segment files. */
  readonly segmentBytes: number
  /** Part of it in the index. */
  readonly indexBytes: number
  /** Part of the segment files that new blocks can take, or that can be given back. */
  readonly freeSlotBytes: number
  /** Part of the index that new small blocks can take. */
  readonly freeIndexBytes: number
}

export interface ShelfBlock {
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
  /** CRC-32 of the bytes, where it is known. */
  readonly crc?: number
}

export interface ShelfWriteOptions {
  /** The bytes may be given back once they are written, before they are durable. */
  readonly given: boolean
  /** Called when `use` counts what a block of so many bytes takes. */
  onPlaced(payloadBytes: number): void
}

/** Where blocks lie: on disk or in memory. Knows neither reservations nor evictor. */
export interface BlockShelf {
  /** Payload bytes of a held block. */
  sizeOf(hash: Uint8Array): number | undefined
  /**
   * The caller owns the bytes.
   * @throws SkepError BLOCK_NOT_FOUND, BLOCK_CORRUPT, STORAGE_FAILED
   */
  read(hash: Uint8Array, options: ShelfReadOptions): Promise<Uint8Array>
  /**
   * Resolves when the blocks, none of which was held, are durable: several small ones, or one. Some may be where it fails.
   * @throws SkepError STORAGE_FULL, STORAGE_FAILED
   */
  write(blocks: readonly ShelfBlock[], options: ShelfWriteOptions): Promise<void>
  /** Resolves with the disk bytes that blocks can take again. */
  remove(hashes: readonly Uint8Array[]): Promise<number>
  /** Gives free slots back until the store is within its bound; false where that isn't enough. */
  shrink(): Promise<boolean>
  list(options: { after?: Uint8Array; limit?: number }): BlockEntry[]
  readonly blocks: number
  /** Bytes that blocks take, those in quarantine among them. */
  readonly blockBytes: number
  readonly use: DiskUse
  /** Kept free beside `use` for what else is written. */
  readonly headroomBytes: number
  /** Free bytes of the file system, as last seen. */
  readonly freeDiskBytes: number
  /** As `diskRoomBytes`, when it was asked last. */
  readonly seenDiskRoomBytes: number
  /** Disk bytes that blocks may still take, asked of the file system. */
  diskRoomBytes(): Promise<number>
  /** Bytes that blocks may still take in the index; exact where there are fewer than `wanted`. */
  indexRoomBytes(wanted: number): number
}
