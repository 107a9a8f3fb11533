import { crc32 } from 'node:zlib'
import { isSkepError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { discard } from '../owned-bytes.ts'
import { type BlockIndex, type Counters, type NewBlock, sameEntry } from './block-index.ts'
import type { BlockShelf, DiskUse, ShelfBlock, ShelfReadOptions, ShelfWriteOptions } from './block-shelf.ts'
import type { DiskAccount } from './disk-account.ts'
import { diskError, systemCodeOf } from './disk-error.ts'
import { DISK_RESERVE_BYTES, type DiskReserve } from './disk-reserve.ts'
import type { DiskRoom } from './disk-room.ts'
import { EntryMender } from './entry-mender.ts'
import { EntryReader, hex } from './entry-reader.ts'
import { storageError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import type { IndexEntry } from './index-entry.ts'
import type { SealedSegments } from './sealed-segments.ts'
import type { SegmentFiles } from './segment-files.ts'
import { SegmentSet } from './segment-set.ts'
import { SegmentShrinker } from './segment-shrinker.ts'
import { indexGrowthOf, isInline, sizeClassOf } from './size-classes.ts'
import { encodeSlotHeader } from './slot-header.ts'
import type { Segment, Slot } from './slots.ts'
import type { BlockEntry } from './storage.ts'
import { Turnstile } from './turnstile.ts'

export interface DiskShelfOptions {
  /** Bytes of the segment files there are, by id. */
  readonly fileBytes: ReadonlyMap<number, number>
}

export interface DiskShelfDependencies {
  readonly account: DiskAccount
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
/** Threads of libuv's pool of four that block writes may hold; a slow card must not keep reads and commits waiting. */
const MAX_WRITES_IN_FLIGHT = 2

/** More would cost sizes that are written, too, the slots they are about to use. */
const SHRINK_SHARE = 1 / 256

interface ArrivingBlock extends NewBlock {
  /** Called when the room that was set aside for it counts as taken. */
  onPlaced?(payloadBytes: number): void
}

/**
 * Blocks on disk: small ones in the index, others in slots of segment files.
 *
 * A block goes into a free slot, the slot's file is synced, its index entry commits and flushes, and only then the
 * write resolves. Whatever is waiting at each sync shares it.
 */
export class DiskShelf implements BlockShelf {
  readonly #dependencies: DiskShelfDependencies
  readonly #segments: SegmentSet
  readonly #group: GroupCommit<ArrivingBlock>
  readonly #shrinker: SegmentShrinker
  /** Slices of shrinking go one after the other. */
  readonly #shrinking = new Turnstile(1)
  readonly #writers = new Turnstile(MAX_WRITES_IN_FLIGHT)
  readonly #mender: EntryMender
  readonly #reader: EntryReader
  #counters: Counters
  /** Given back at a time, so that those behind need not pay for flushes of their own. */
  readonly #shrinkBytes: number
  #failure: Error | undefined
  #isClosed = false

  constructor({ fileBytes }: DiskShelfOptions, dependencies: DiskShelfDependencies) {
    this.#dependencies = dependencies
    const { account, index, files } = dependencies
    this.#segments = new SegmentSet(
      { fileBytes, maxBytes: account.maxBytes },
      { ...dependencies, makeSpace: bytes => this.#makeSpace(bytes) },
    )
    account.watch(this.#segments)
    this.#shrinkBytes = account.maxBytes * SHRINK_SHARE
    this.#shrinker = new SegmentShrinker({
      index,
      files,
      segments: this.#segments,
      sync: ids => this.#sync(ids),
      fill: (segment, slot, header, payload) =>
        this.#writers.pass(() => this.#fill(segment, slot, header, payload)),
    })
    const segment = (id: number): Segment | undefined => this.#segments.get(id)
    this.#mender = new EntryMender({ index, files, segment })
    this.#reader = new EntryReader({ index, files, segment })
    this.#counters = index.counters()
    this.#group = new GroupCommit(
      {
        maxItems: MAX_GROUP_BLOCKS,
        maxWeight: account.commitBytes,
        weigh: ({ length }) => indexGrowthOf(length),
      },
      blocks => this.#commit(blocks),
    )
  }

  get blocks(): number {
    return this.#counters.blocks
  }

  get blockBytes(): number {
    return this.#counters.usedBytes
  }

  get use(): DiskUse {
    return this.#dependencies.account.use
  }

  get headroomBytes(): number {
    return this.#dependencies.account.headroomBytes
  }

  get freeDiskBytes(): number {
    return this.#dependencies.room.freeBytes
  }

  get seenDiskRoomBytes(): number {
    return this.#segments.slackBytes + this.#dependencies.room.seenBytes
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
    for (let isMended = false; ; ) {
      const value = index.value(hash)
      const entry = index.entry(hash)
      if (!value) throw storageError('BLOCK_NOT_FOUND', `block ${hex(hash)} is not held`)
      if (!entry) {
        isMended = (await this.#mend(hash, value, isMended, options)) || isMended
        continue
      }
      const { bytes, cause } = await this.#reader.load(hash, entry, options)
      const isWhole = bytes?.length === entry.length && crc32(bytes) === entry.crc
      const isIt = !options.isUncached || (await this.#reader.isNamed(hash, entry))
      if (isWhole && isIt && (await (options.isGood?.(hash, bytes) ?? true))) return bytes
      const now = index.entry(hash)
      // Deleted while it was read, and the slot is another block's by now: look again.
      if (!now || !sameEntry(now, entry)) continue
      if (await this.#mend(hash, value, isMended, options)) {
        isMended = true
        continue
      }
      await this.#quarantine(hash, entry, options)
      throw storageError('BLOCK_CORRUPT', `block ${hex(hash)} is damaged on disk`, { cause })
    }
  }

  async write(blocks: readonly ShelfBlock[], options: ShelfWriteOptions): Promise<void> {
    if (this.#failure) throw this.#failure
    const arriving = blocks.filter(({ bytes }) => isInline(bytes.length)).map(block => inline(block, options))
    const large = blocks.filter(({ bytes }) => !isInline(bytes.length))
    await Promise.all([this.#group.addAll(arriving), ...large.map(block => this.#writeSlot(block, options))])
  }

  async #writeSlot(
    { hash, bytes, crc = crc32(bytes) }: ShelfBlock,
    { given, onPlaced }: ShelfWriteOptions,
  ): Promise<void> {
    const block = { hash, length: bytes.length, crc }
    const { segment, slot } = await this.#segments.take(sizeClassOf(block.length))
    onPlaced(block.length)
    try {
      await this.#writers.pass(() => this.#fill(segment, slot, encodeSlotHeader(block), bytes))
      if (given) discard(bytes)
      await this.#group.add({ ...block, slot })
      this.#segments.arrived(slot)
    } catch (error) {
      this.#segments.free(slot)
      if (isSkepError(error, 'STORAGE_FULL')) await this.#cutEmpty(segment)
      throw error
    }
  }

  /** A slot that the disk had no room for is none, and nobody should take it again. */
  #cutEmpty(segment: Segment): Promise<void> {
    return this.#shrinking.pass(async () => {
      await this.#segments
        .cut(segment)
        .catch(err => this.#dependencies.log.warn({ err }, 'a segment stays too long'))
    })
  }

  async shrink(): Promise<boolean> {
    const { maxBytes, leastHeadroomBytes } = this.#dependencies.account
    const missingBytes = (): number => this.use.usedBytes - (maxBytes - leastHeadroomBytes)
    while (missingBytes() > 0) if (!(await this.#shrink(missingBytes))) return false
    return true
  }

  /** Resolves where segment files may take `bytes` more: others' free slots are given back for that. */
  async #makeSpace(bytes: number): Promise<void> {
    const { account, room } = this.#dependencies
    for (;;) {
      const diskBytes = await room.roomBytes()
      const missingBytes = (): number => {
        const quotaBytes = account.maxBytes - account.headroomBytes - this.use.usedBytes
        return bytes - Math.min(quotaBytes, diskBytes)
      }
      if (missingBytes() <= 0) break
      const changed = this.#segments.changed()
      if (await this.#shrink(missingBytes)) continue
      if (!this.#segments.isBusy) {
        throw storageError('STORAGE_FULL', `no room on disk: it lacks ${missingBytes()} bytes`)
      }
      await changed
    }
    room.wrote(bytes)
  }

  /** One slice; false where there is nothing to gain. */
  #shrink(missingBytes: () => number): Promise<boolean> {
    return this.#shrinking.pass(async () => {
      if (this.#isClosed) throw storageError('STORAGE_CLOSED', 'the store is closed')
      if (this.#failure) throw this.#failure
      if (missingBytes() <= 0) return true
      const hasShrunk = await this.#shrinker.step(Math.max(missingBytes(), this.#shrinkBytes))
      this.#dependencies.room.expire()
      return hasShrunk
    })
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
    let freedBytes = 0
    for (let left = hashes; left.length > 0; ) {
      const count = this.#dependencies.account.deletesPerCommit
      freedBytes += await this.#removeSlice(left.slice(0, count))
      left = left.slice(count)
    }
    return freedBytes
  }

  async #removeSlice(hashes: readonly Uint8Array[]): Promise<number> {
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
    this.#isClosed = true
    await this.#group.idle()
    await this.#shrinking.pass(async () => undefined)
    await this.#dependencies.files.close()
  }

  /**
   * Looks whether the index is damaged, and not the block. True: read again.
   * @throws SkepError BLOCK_CORRUPT where the index names a block that isn't there
   */
  async #mend(
    hash: Uint8Array,
    value: Uint8Array,
    isMended: boolean,
    { onDamaged }: ShelfReadOptions,
  ): Promise<boolean> {
    const { index, log } = this.#dependencies
    // Once is enough: what doesn't read well after that is damaged itself.
    const mending = isMended && index.entry(hash) ? 'right' : await this.#mender.mend(hash, value)
    if (mending === 'right') return false
    this.#counters = index.counters()
    log.error({ block: hex(hash), mending }, 'an entry of the index was damaged')
    if (mending === 'mended') return true
    onDamaged()
    throw storageError('BLOCK_CORRUPT', `the index named ${hex(hash)}, which is not there`)
  }

  async #quarantine(hash: Uint8Array, entry: IndexEntry, { onDamaged }: ShelfReadOptions): Promise<void> {
    const { index, log } = this.#dependencies
    const { slot } = entry
    const freedBytes = await index.store.write(batch => index.quarantine(batch, hash, entry))
    if (freedBytes === undefined) return
    if (slot) this.#segments.quarantine(slot)
    this.#counters = index.counters()
    log.error({ block: hex(hash), slot }, 'block is damaged on disk: it no longer counts as held')
    onDamaged()
  }

  async #fill(segment: Segment, slot: Slot, header: Uint8Array, payload: Uint8Array): Promise<void> {
    try {
      await this.#dependencies.files.write(segment, slot.position, header, payload)
    } catch (cause) {
      if (systemCodeOf(cause) === 'EIO') throw await this.#fail([segment], cause)
      throw diskError(cause, `could not write slot ${slot.position} of segment ${slot.segment}`)
    }
  }

  async #commit(blocks: readonly ArrivingBlock[]): Promise<void> {
    if (this.#failure) throw this.#failure
    const { index } = this.#dependencies
    await this.#sync(new Set(blocks.flatMap(({ slot }) => slot?.segment ?? [])))
    // What the last commits made the index longer is given back by the segments before it takes more.
    await this.shrink()
    await index.store.write(batch => index.addBlocks(batch, blocks))
    this.#counters = index.counters()
    for (const block of blocks) block.onPlaced?.(block.length)
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

function inline({ hash, bytes }: ShelfBlock, { onPlaced }: ShelfWriteOptions): ArrivingBlock {
  return { hash, length: bytes.length, crc: crc32(bytes), slot: undefined, inlineBytes: bytes, onPlaced }
}
