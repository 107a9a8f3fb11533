import { crc32 } from 'node:zlib'
import { isSkepError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { type BlockIndex, type Counters, type NewBlock, sameEntry } from './block-index.ts'
import type { BlockShelf, ShelfReadOptions } from './block-store.ts'
import { diskError, systemCodeOf } from './disk-error.ts'
import { DISK_RESERVE_BYTES, type DiskReserve } from './disk-reserve.ts'
import type { DiskRoom } from './disk-room.ts'
import { storageError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import type { IndexEntry } from './index-entry.ts'
import type { SealedSegments } from './sealed-segments.ts'
import type { SegmentFiles } from './segment-files.ts'
import { SegmentSet } from './segment-set.ts'
import { diskBytesOf, isInline, sizeClassOf } from './size-classes.ts'
import { encodeSlotHeader } from './slot-header.ts'
import type { Segment, Slot } from './slots.ts'
import type { BlockEntry } from './storage.ts'
import { Turnstile } from './turnstile.ts'

export interface DiskShelfDependencies {
  readonly index: BlockIndex
  readonly files: SegmentFiles
  readonly sealed: SealedSegments
  readonly room: DiskRoom
  /** Bytes that blocks may still take in the index; exact where there are fewer than `wanted`. */
  indexRoomBytes(wanted: number): number
  readonly reserve: DiskReserve
  readonly log: Logger
  /** Called when the disk fails under a write or sync: what the kernel forgot then can't be told from what it wrote. */
  onFatal(error: Error): void
}

/** One flush serves that many blocks; enough that a burst of small ones shares one. */
const MAX_GROUP_BLOCKS = 1024
/** Inline bytes of one transaction: LMDB holds its dirty pages in memory until the commit. */
const MAX_GROUP_INLINE_BYTES = 8 * 1024 * 1024
/** Threads of libuv's pool of four that block writes may hold; a slow card must not keep reads and commits waiting. */
const MAX_WRITES_IN_FLIGHT = 2

/**
 * Blocks on disk: small ones in the index, others in slots of segment files.
 *
 * A block goes into a free slot, the slot's file is synced, its index entry commits and flushes, and only then the
 * write resolves. Whatever is waiting at each sync shares it.
 */
export class DiskShelf implements BlockShelf {
  readonly #dependencies: DiskShelfDependencies
  readonly #segments: SegmentSet
  readonly #group: GroupCommit<NewBlock>
  readonly #writers = new Turnstile(MAX_WRITES_IN_FLIGHT)
  #counters: Counters
  #failure: Error | undefined

  constructor(dependencies: DiskShelfDependencies) {
    this.#dependencies = dependencies
    this.#segments = new SegmentSet(dependencies)
    this.#counters = dependencies.index.counters()
    this.#group = new GroupCommit(
      {
        maxItems: MAX_GROUP_BLOCKS,
        maxWeight: MAX_GROUP_INLINE_BYTES,
        weigh: block => block.inlineBytes?.length ?? 0,
      },
      blocks => this.#commit(blocks),
    )
  }

  get blocks(): number {
    return this.#counters.blocks
  }

  get usedBytes(): number {
    return this.#counters.usedBytes
  }

  get freeDiskBytes(): number {
    return this.#dependencies.room.freeBytes
  }

  async diskRoomBytes(): Promise<number> {
    return this.#segments.slackBytes + (await this.#dependencies.room.roomBytes())
  }

  indexRoomBytes(wanted: number): number {
    return this.#dependencies.indexRoomBytes(wanted)
  }

  sizeOf(hash: Uint8Array): number | undefined {
    return this.#dependencies.index.entry(hash)?.length
  }

  list(options: { after?: Uint8Array; limit?: number }): BlockEntry[] {
    return this.#dependencies.index.list(options)
  }

  async read(hash: Uint8Array, options: ShelfReadOptions): Promise<Uint8Array> {
    const { index } = this.#dependencies
    for (;;) {
      const entry = index.entry(hash)
      if (!entry) throw storageError('BLOCK_NOT_FOUND', `block ${hex(hash)} is not held`)
      const { bytes, cause } = await this.#load(hash, entry, options)
      const isWhole = bytes?.length === entry.length && crc32(bytes) === entry.crc
      if (isWhole && (await (options.isGood?.(hash, bytes) ?? true))) return bytes
      const now = index.entry(hash)
      // Deleted while it was read, and the slot is another block's by now: look again.
      if (!now || !sameEntry(now, entry)) continue
      await this.#quarantine(hash, entry, options)
      throw storageError('BLOCK_CORRUPT', `block ${hex(hash)} is damaged on disk`, { cause })
    }
  }

  async write(hash: Uint8Array, bytes: Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure
    const block = { hash, length: bytes.length, crc: crc32(bytes) }
    if (isInline(bytes.length)) return this.#group.add({ ...block, slot: undefined, inlineBytes: bytes })
    const { segment, slot } = await this.#segments.take(sizeClassOf(bytes.length))
    try {
      await this.#writers.pass(() => this.#fill(segment, slot, block, bytes))
      await this.#group.add({ ...block, slot })
    } catch (error) {
      this.#segments.free(slot)
      throw error
    }
  }

  async remove(hashes: readonly Uint8Array[]): Promise<number> {
    const { reserve, room } = this.#dependencies
    const freedBytes = await this.#remove(hashes).catch(async error => {
      if (!reserve.held || !isSkepError(error, 'STORAGE_FULL')) throw error
      await reserve.spend()
      return this.#remove(hashes)
    })
    room.expire()
    if (!reserve.held && (await room.roomBytes()) > 2 * DISK_RESERVE_BYTES) await reserve.fill()
    return freedBytes
  }

  async #remove(hashes: readonly Uint8Array[]): Promise<number> {
    const { index } = this.#dependencies
    let slots: Slot[] = []
    let emptied: Segment[] = []
    const deleting = index.store.write(batch => {
      const { usedBytes } = index.counters()
      slots = index.removeBlocks(batch, hashes).flatMap(({ slot }) => slot ?? [])
      emptied = this.#segments.leave(batch, slots)
      return usedBytes - index.counters().usedBytes
    })
    const freedBytes = await deleting.catch(error => {
      this.#segments.stayed(slots, emptied)
      throw error
    })
    this.#counters = index.counters()
    await this.#segments.left(slots, emptied)
    return freedBytes
  }

  /** Waits for the writes under way and closes the files. */
  async close(): Promise<void> {
    await this.#group.idle()
    await this.#dependencies.files.close()
  }

  async #load(
    hash: Uint8Array,
    { slot, length }: IndexEntry,
    { isUncached }: ShelfReadOptions,
  ): Promise<{ bytes?: Uint8Array; cause?: unknown }> {
    const { index, files } = this.#dependencies
    if (!slot) return { bytes: index.inlineBytes(hash) }
    const segment = this.#segments.get(slot.segment)
    if (!segment) return { cause: new Error(`segment ${slot.segment} has no record`) }
    try {
      const read = isUncached
        ? files.readPayloadUncached(segment, slot.position, length)
        : files.readPayload(segment, slot.position, length)
      return { bytes: await read }
    } catch (cause) {
      // A sector that can't be read or a file that is gone is this block's damage; anything else says nothing of it.
      if (['EIO', 'ENOENT'].includes(systemCodeOf(cause))) return { cause }
      throw storageError('STORAGE_FAILED', `could not read block ${hex(hash)}`, { cause })
    }
  }

  async #quarantine(hash: Uint8Array, entry: IndexEntry, { onDamaged }: ShelfReadOptions): Promise<void> {
    const { index, log } = this.#dependencies
    const { slot } = entry
    const freedBytes = await index.store.write(batch => index.quarantine(batch, hash, entry))
    if (freedBytes === undefined) return
    if (slot) this.#segments.quarantine(slot)
    this.#counters = index.counters()
    log.error({ block: hex(hash), slot }, 'block is damaged on disk: it no longer counts as held')
    onDamaged(freedBytes)
  }

  async #fill(segment: Segment, slot: Slot, block: Omit<NewBlock, 'slot'>, bytes: Uint8Array): Promise<void> {
    try {
      await this.#dependencies.files.write(segment, slot.position, encodeSlotHeader(block), bytes)
    } catch (cause) {
      if (systemCodeOf(cause) === 'EIO') throw await this.#fail([segment], cause)
      throw diskError(cause, `could not write block ${hex(block.hash)}`)
    }
  }

  async #commit(blocks: readonly NewBlock[]): Promise<void> {
    if (this.#failure) throw this.#failure
    const { index, room } = this.#dependencies
    await this.#sync(new Set(blocks.flatMap(({ slot }) => slot?.segment ?? [])))
    await index.store.write(batch => index.addBlocks(batch, blocks))
    this.#counters = index.counters()
    for (const { length } of blocks) room.wrote(diskBytesOf(length))
  }

  async #sync(ids: ReadonlySet<number>): Promise<void> {
    const segments = [...ids].flatMap(id => this.#segments.get(id) ?? [])
    const failed: Segment[] = []
    let cause: unknown
    const syncing = segments.map(segment =>
      this.#dependencies.files.sync(segment).catch(error => {
        failed.push(segment)
        cause = error
      }),
    )
    await Promise.all(syncing)
    if (failed.length > 0) throw await this.#fail(failed, cause)
  }

  /** Nothing more is written. The segments are sealed first, so that the next start goes on elsewhere. */
  async #fail(segments: readonly Segment[], cause: unknown): Promise<Error> {
    const isFirst = this.#failure === undefined
    this.#failure ??= storageError('STORAGE_FAILED', 'the disk failed while blocks were written', { cause })
    const failure = this.#failure
    await this.#segments.seal(segments).catch(error => {
      const ids = segments.map(({ id }) => id)
      this.#dependencies.log.error({ err: error, segments: ids }, 'could not note which segments failed')
    })
    if (isFirst) this.#dependencies.onFatal(failure)
    return failure
  }
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex')
}
