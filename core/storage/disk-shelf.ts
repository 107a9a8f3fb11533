import { crc32 } from 'node:zlib'
import { isSkepError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import {
  type BlockIndex,
  type Counters,
  type NewBlock,
  quarantinedBytesOf,
  sameEntry,
} from './block-index.ts'
import type { BlockShelf } from './block-store.ts'
import { DISK_RESERVE_BYTES, type DiskReserve } from './disk-reserve.ts'
import type { DiskRoom } from './disk-room.ts'
import { storageError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import type { IndexEntry } from './index-entry.ts'
import type { SegmentFiles } from './segment-files.ts'
import { diskBytesOf, isInline, sizeClassOf } from './size-classes.ts'
import { encodeSlotHeader } from './slot-header.ts'
import { chooseSegment, emptyRecord, Segment, type Slot } from './slots.ts'
import type { BlockEntry } from './storage.ts'

export interface DiskShelfDependencies {
  readonly index: BlockIndex
  readonly files: SegmentFiles
  readonly room: DiskRoom
  readonly reserve: DiskReserve
  readonly log: Logger
  /** Called when the disk fails under a sync: what the kernel forgot then can't be told from what it wrote. */
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
  /** By id; one for each file. */
  readonly #segments = new Map<number, Segment>()
  /** By size class: those with a free slot. */
  readonly #open = new Map<number, Set<Segment>>()
  readonly #growing = new Map<number, Promise<void>>()
  readonly #group: GroupCommit<NewBlock>
  readonly #writers = new Turnstile(MAX_WRITES_IN_FLIGHT)
  #counters: Counters
  #nextSegment: number
  #failure: Error | undefined

  constructor(dependencies: DiskShelfDependencies) {
    this.#dependencies = dependencies
    const { index } = dependencies
    for (const { id, record } of index.segments()) this.#adopt(new Segment(id, record))
    for (const { segment, position } of index.quarantined()) {
      this.#segments.get(segment)?.quarantined.add(position)
    }
    this.#counters = index.counters()
    this.#nextSegment = index.nextSegment()
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
    let slackBytes = 0
    for (const segments of this.#open.values())
      for (const { slackBytes: bytes } of segments) slackBytes += bytes
    return slackBytes + (await this.#dependencies.room.roomBytes())
  }

  sizeOf(hash: Uint8Array): number | undefined {
    return this.#dependencies.index.entry(hash)?.length
  }

  list(options: { after?: Uint8Array; limit?: number }): BlockEntry[] {
    return this.#dependencies.index.list(options)
  }

  async read(hash: Uint8Array, onFreed: (bytes: number) => void): Promise<Uint8Array> {
    const { index } = this.#dependencies
    for (;;) {
      const entry = index.entry(hash)
      if (!entry) throw storageError('BLOCK_NOT_FOUND', `block ${hex(hash)} is not held`)
      const { bytes, cause } = await this.#load(hash, entry)
      if (bytes?.length === entry.length && crc32(bytes) === entry.crc) return bytes
      const now = index.entry(hash)
      // Deleted while it was read, and the slot is another block's by now: look again.
      if (!now || !sameEntry(now, entry)) continue
      await this.#quarantine(hash, entry, onFreed)
      throw storageError('BLOCK_CORRUPT', `block ${hex(hash)} is damaged on disk`, { cause })
    }
  }

  async write(hash: Uint8Array, bytes: Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure
    const block = { hash, length: bytes.length, crc: crc32(bytes) }
    if (isInline(bytes.length)) return this.#group.add({ ...block, slot: undefined, inlineBytes: bytes })
    const { segment, slot } = await this.#takeSlot(sizeClassOf(bytes.length))
    try {
      await this.#writers.pass(() => this.#fill(segment, slot, block, bytes))
      await this.#group.add({ ...block, slot })
    } catch (error) {
      this.#free(slot)
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
    let leaving: Slot[] = []
    let emptied: Segment[] = []
    try {
      const freedBytes = await index.store.write(batch => {
        const { usedBytes } = index.counters()
        leaving = index.removeBlocks(batch, hashes).flatMap(({ slot }) => slot ?? [])
        for (const { segment, position } of leaving) this.#segments.get(segment)?.leaving.add(position)
        emptied = this.#retire(leaving.map(({ segment }) => segment))
        for (const segment of emptied) index.dropSegment(batch, segment.id, quarantinedBytesOf(segment))
        return usedBytes - index.counters().usedBytes
      })
      this.#counters = index.counters()
      for (const slot of leaving) this.#free(slot)
      await this.#giveBack(emptied)
      return freedBytes
    } catch (error) {
      for (const { segment, position } of leaving) this.#segments.get(segment)?.leaving.delete(position)
      for (const segment of emptied) segment.retired = false
      throw error
    }
  }

  /** Waits for the writes under way and closes the files. */
  async close(): Promise<void> {
    await this.#group.idle()
    await this.#dependencies.files.close()
  }

  async #load(
    hash: Uint8Array,
    { slot, length }: IndexEntry,
  ): Promise<{ bytes?: Uint8Array; cause?: unknown }> {
    const { index, files } = this.#dependencies
    if (!slot) return { bytes: index.inlineBytes(hash) }
    const segment = this.#segments.get(slot.segment)
    if (!segment) return { cause: new Error(`segment ${slot.segment} has no record`) }
    try {
      return { bytes: await files.readPayload(segment, slot.position, length) }
    } catch (cause) {
      // A sector that can't be read or a file that is gone is this block's damage; anything else says nothing of it.
      if (['EIO', 'ENOENT'].includes(codeOf(cause))) return { cause }
      throw storageError('STORAGE_FAILED', `could not read block ${hex(hash)}`, { cause })
    }
  }

  async #quarantine(hash: Uint8Array, entry: IndexEntry, onFreed: (bytes: number) => void): Promise<void> {
    const { index, log } = this.#dependencies
    const { slot } = entry
    const freedBytes = await index.store.write(batch => index.quarantine(batch, hash, entry))
    if (freedBytes === undefined) return
    if (slot) this.#segments.get(slot.segment)?.quarantined.add(slot.position)
    this.#counters = index.counters()
    onFreed(freedBytes)
    log.error({ block: hex(hash), slot }, 'block is damaged on disk: it no longer counts as held')
  }

  async #fill(segment: Segment, slot: Slot, block: Omit<NewBlock, 'slot'>, bytes: Uint8Array): Promise<void> {
    try {
      await this.#dependencies.files.write(segment, slot.position, encodeSlotHeader(block), bytes)
    } catch (cause) {
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
    try {
      await Promise.all(segments.map(segment => this.#dependencies.files.sync(segment)))
    } catch (cause) {
      this.#failure ??= storageError('STORAGE_FAILED', 'the disk failed while blocks were synced', { cause })
      this.#dependencies.onFatal(this.#failure)
      throw this.#failure
    }
  }

  /** Takes in the same turn as it chooses: others who waited, too, see what is left. */
  async #takeSlot(sizeClass: number): Promise<{ segment: Segment; slot: Slot }> {
    for (;;) {
      const segment = chooseSegment(this.#openOf(sizeClass))
      if (segment) return { segment, slot: this.#take(segment) }
      const growing = this.#growing.get(sizeClass) ?? this.#grow(sizeClass)
      this.#growing.set(sizeClass, growing)
      await growing
    }
  }

  /** Its record flushes before the file exists: a file without one is then known to be a leftover. */
  async #grow(sizeClass: number): Promise<void> {
    const { index, files } = this.#dependencies
    const id = this.#nextSegment++
    const record = emptyRecord(sizeClass)
    try {
      await index.store.write(batch => index.addSegment(batch, id, record))
      const segment = new Segment(id, record)
      await files.create(segment).catch(cause => {
        throw diskError(cause, `could not create segment ${id}`)
      })
      this.#adopt(segment)
    } finally {
      this.#growing.delete(sizeClass)
    }
  }

  #adopt(segment: Segment): void {
    this.#segments.set(segment.id, segment)
    if (!segment.full) this.#openOf(segment.sizeClass).add(segment)
  }

  #openOf(sizeClass: number): Set<Segment> {
    const open = this.#open.get(sizeClass) ?? new Set()
    this.#open.set(sizeClass, open)
    return open
  }

  #take(segment: Segment): Slot {
    const slot = segment.take()
    if (segment.full) this.#openOf(segment.sizeClass).delete(segment)
    return slot
  }

  #free({ segment: id, position }: Slot): void {
    const segment = this.#segments.get(id)
    if (!segment) return
    segment.free(position)
    this.#openOf(segment.sizeClass).add(segment)
  }

  /** Those of `ids` that hold nothing any more; no slot of them is taken from now on. */
  #retire(ids: readonly number[]): Segment[] {
    const emptied = [...new Set(ids)]
      .flatMap(id => this.#segments.get(id) ?? [])
      .filter(segment => segment.abandoned)
    for (const segment of emptied) segment.retired = true
    return emptied
  }

  async #giveBack(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      this.#segments.delete(segment.id)
      this.#openOf(segment.sizeClass).delete(segment)
      // What stays behind is found without a record, and removed, at the next start.
      await this.#dependencies.files.remove(segment).catch(error => {
        this.#dependencies.log.warn({ err: error, segment: segment.id }, 'could not remove an empty segment')
      })
    }
  }
}

/** Lets `width` pieces of work through at a time, first come first served. */
class Turnstile {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(width: number) {
    this.#free = width
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}

function diskError(cause: unknown, message: string): Error {
  const full = ['ENOSPC', 'EDQUOT'].includes(codeOf(cause))
  return storageError(
    full ? 'STORAGE_FULL' : 'STORAGE_FAILED',
    full ? `${message}: the disk is full` : message,
    {
      cause,
    },
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex')
}
