import { lstat, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { DiskUse } from './block-shelf.ts'
import { DISK_RESERVE_BYTES } from './disk-reserve.ts'
import { diskBytesOfFile, INDEX_GROWTH_PER_DELETE_BYTES } from './size-classes.ts'

export interface DiskAccountOptions {
  /** Bound of all that the data directory takes. */
  readonly maxBytes: number
  /** What lies in the directory beside segments, index, vault and reserve. */
  readonly otherBytes: number
}

export interface DiskAccountDependencies {
  readonly index: {
    /** Of its file, which gets longer and never shorter. */
    readonly fileBytes: number
    /** Part of the file that holds something. */
    readonly liveBytes: number
  }
  readonly vault: {
    /** Its file, its snapshots, and the one that can be made any time. */
    readonly diskBytes: number
  }
}

interface SegmentUse {
  readonly diskBytes: number
  readonly slackBytes: number
}

/** A part of the quota that one group of blocks may make the index longer by: enough for many to share a flush. */
const COMMIT_SHARE = 1 / 128
const COMMIT_BYTES = { min: 256 * 1024, max: 8 * 1024 * 1024 }
/** Of each commit, whatever is in it. */
const COMMIT_FIXED_BYTES = 128 * 1024
/** Names in directories, locks, and what else is small and comes and goes. */
const SMALL_FILES_BYTES = 256 * 1024
/** A store that can't hold two of the largest blocks beside all else is none. */
const MIN_BLOCKS_BYTES = 4 * 1024 * 1024 + 64 * 1024
/** Index and vault before anything is in them, and the vault's snapshots. */
const EMPTY_STORE_BYTES = 768 * 1024

/** What the data directory takes on disk, never less than `du` says: free slots, free pages and the reserve count. */
export class DiskAccount {
  readonly maxBytes: number
  /** What one group of blocks may make the index longer by. */
  readonly commitBytes: number
  readonly #otherBytes: number
  /** What a store that was larger than its bound when it opened may take until it is within it. */
  #limitBytes: number | undefined
  #segments: SegmentUse = { diskBytes: 0, slackBytes: 0 }
  readonly #dependencies: DiskAccountDependencies

  constructor({ maxBytes, otherBytes }: DiskAccountOptions, dependencies: DiskAccountDependencies) {
    this.maxBytes = maxBytes
    this.commitBytes = commitBytesOf(maxBytes)
    this.#otherBytes = otherBytes
    this.#dependencies = dependencies
  }

  /** Must be free for what the next commits take: a group of blocks, and as much again for whatever frees some. */
  get leastHeadroomBytes(): number {
    return 2 * this.commitBytes + COMMIT_FIXED_BYTES
  }

  /** Left free by blocks: a little more, so that the segments needn't shrink for every page that the index gets. */
  get headroomBytes(): number {
    return this.leastHeadroomBytes + this.commitBytes / 4
  }

  /** Counts the segments from now on. */
  watch(segments: SegmentUse): void {
    this.#segments = segments
    this.#limitBytes = Math.max(this.maxBytes, this.use.usedBytes + this.headroomBytes)
  }

  /** Bytes that index or vault may get longer by: what deletes and moves need is left to them. */
  growthRoomBytes(): number {
    const { usedBytes } = this.use
    if (usedBytes <= this.maxBytes) this.#limitBytes = this.maxBytes
    return (this.#limitBytes ?? this.maxBytes) - this.commitBytes - usedBytes
  }

  /** Blocks that one commit may delete: many, unless the index has hardly any room to grow. */
  get deletesPerCommit(): number {
    return Math.floor(Math.max(this.commitBytes, this.growthRoomBytes()) / INDEX_GROWTH_PER_DELETE_BYTES)
  }

  get use(): DiskUse {
    const { index, vault } = this.#dependencies
    const segments = this.#segments
    const indexBytes = diskBytesOfFile(index.fileBytes)
    const fixedBytes = DISK_RESERVE_BYTES + SMALL_FILES_BYTES + this.#otherBytes + vault.diskBytes
    return {
      usedBytes: fixedBytes + indexBytes + segments.diskBytes,
      segmentBytes: segments.diskBytes,
      indexBytes,
      freeSlotBytes: segments.slackBytes,
      // Pages that a commit leaves can be used by the one after the next.
      freeIndexBytes: Math.max(0, index.fileBytes - index.liveBytes - this.commitBytes),
    }
  }
}

function commitBytesOf(maxBytes: number): number {
  return Math.min(COMMIT_BYTES.max, Math.max(COMMIT_BYTES.min, maxBytes * COMMIT_SHARE))
}

/** The smallest `maxBytes` that leaves room for blocks beside all that a store needs itself. */
export const MIN_STORE_BYTES =
  DISK_RESERVE_BYTES +
  SMALL_FILES_BYTES +
  EMPTY_STORE_BYTES +
  2 * COMMIT_BYTES.min +
  COMMIT_FIXED_BYTES +
  MIN_BLOCKS_BYTES

/** What is counted by itself. */
const COUNTED = [
  /^segments\/.*\.segment$/,
  /^index\/data\.mdb$/,
  /^vault\/data\.mdb$/,
  /^vault-snapshots\//,
  /^reserve$/,
]
/** What `stat` calls a block, whatever the file system has. */
const STAT_BLOCK_BYTES = 512

/** Disk that everything else in the data directory takes. */
export async function otherBytesIn(directory: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (COUNTED.some(pattern => pattern.test(relative(directory, path)))) continue
    const blocks = await lstat(path).then(
      ({ blocks }) => blocks,
      () => 0,
    )
    bytes += blocks * STAT_BLOCK_BYTES
  }
  return bytes
}
