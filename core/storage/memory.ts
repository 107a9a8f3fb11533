import { silentLogger } from '../logger.ts'
import type { BlockShelf } from './block-shelf.ts'
import { QuotaBlockStore } from './block-store.ts'
import { BOOKKEEPING_PERIOD_MS, Bookkeeping } from './bookkeeping.ts'
import { storageError } from './errors.ts'
import { MemoryStore } from './memory-store.ts'
import { diskBytesOf } from './size-classes.ts'
import type { Storage } from './storage.ts'

export interface MemoryStorageOptions {
  readonly maxBytes: number
}

/** The memory twin of a storage: same promises, counted as if it were on disk. For tests and for looking around. */
export function createMemoryStorage({ maxBytes }: MemoryStorageOptions): Storage {
  const index = new MemoryStore('index')
  const vault = new MemoryStore('vault')
  const bookkeeping = new Bookkeeping(
    { periodMs: BOOKKEEPING_PERIOD_MS },
    { store: index, log: silentLogger },
  )
  const blocks = new QuotaBlockStore({ maxBytes }, createMemoryShelf(index))
  return {
    index,
    vault,
    bookkeeping,
    blocks,
    async census() {
      const quota = blocks.stats()
      const nothing = { fileBytes: 0, usedBytes: 0 }
      return {
        quota,
        inlineBlocks: quota.blocks,
        segmentBlocks: 0,
        segments: [],
        segmentBytes: 0,
        quarantine: { slots: 0, bytes: 0 },
        index: nothing,
        vault: { ...nothing, snapshotBytes: 0 },
      }
    },
    async probe({ signal } = {}) {
      signal?.throwIfAborted()
      await index.write(() => undefined)
      return { flushedMsAgo: 0 }
    },
    repairs: [],
    async checkTables({ signal } = {}) {
      signal?.throwIfAborted()
    },
    async close() {
      await bookkeeping.close()
      await Promise.all([index.close(), vault.close()])
    },
  }
}

function createMemoryShelf(index: MemoryStore): BlockShelf {
  const bucket = index.bucket('blocks')
  let blockBytes = 0
  return {
    get blockBytes() {
      return blockBytes
    },
    get use() {
      return {
        usedBytes: blockBytes,
        segmentBytes: blockBytes,
        indexBytes: 0,
        freeSlotBytes: 0,
        freeIndexBytes: 0,
      }
    },
    headroomBytes: 0,
    shrink: async () => true,
    freeDiskBytes: Number.MAX_SAFE_INTEGER,
    seenDiskRoomBytes: Number.MAX_SAFE_INTEGER,
    diskRoomBytes: async () => Number.POSITIVE_INFINITY,
    indexRoomBytes: () => Number.POSITIVE_INFINITY,
    get blocks() {
      return bucket.size()
    },
    sizeOf: hash => bucket.get(hash)?.length,
    async read(hash, { isGood, onDamaged }) {
      const bytes = bucket.get(hash)
      if (!bytes) throw storageError('BLOCK_NOT_FOUND', 'the block was deleted')
      if (await (isGood?.(hash, bytes) ?? true)) return bytes
      const wasHeld = await index.write(batch => {
        const isHeld = bucket.has(hash)
        batch.delete(bucket, hash)
        return isHeld
      })
      if (wasHeld) {
        blockBytes -= diskBytesOf(bytes.length)
        onDamaged()
      }
      throw storageError('BLOCK_CORRUPT', 'the block is not what its hash says')
    },
    write: (blocks, { onPlaced }) =>
      index.write(batch => {
        for (const { hash, bytes } of blocks) {
          batch.put(bucket, hash, bytes)
          blockBytes += diskBytesOf(bytes.length)
          onPlaced(bytes.length)
        }
      }),
    remove: hashes =>
      index.write(batch => {
        let freedBytes = 0
        for (const hash of hashes) {
          const bytes = bucket.get(hash)
          if (!bytes) continue
          batch.delete(bucket, hash)
          freedBytes += diskBytesOf(bytes.length)
        }
        blockBytes -= freedBytes
        return freedBytes
      }),
    list({ after, limit }) {
      // A key with a zero byte behind it is the next one possible.
      const from = after && Buffer.concat([after, Buffer.of(0)])
      return [...bucket.entries({ from, limit })].map(([hash, bytes]) => ({ hash, size: bytes.length }))
    },
  }
}
