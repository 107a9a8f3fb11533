import type { Logger } from '../logger.ts'
import { type BlockIndex, quarantinedBytesOf } from './block-index.ts'
import { diskError } from './disk-error.ts'
import type { SealedSegments } from './sealed-segments.ts'
import type { SegmentFiles } from './segment-files.ts'
import { diskBytesOfFile, segmentBytesWithin } from './size-classes.ts'
import { chooseGrowth, chooseSegment, emptyRecord, Segment, type Slot } from './slots.ts'
import type { WriteBatch } from './storage.ts'
import { Turnstile } from './turnstile.ts'

export interface SegmentSetOptions {
  /** Bytes of the segment files there are, by id. */
  readonly fileBytes: ReadonlyMap<number, number>
  /** Of the whole store. */
  readonly maxBytes: number
}

export interface SegmentSetDependencies {
  readonly index: BlockIndex
  readonly files: SegmentFiles
  readonly sealed: SealedSegments
  /** Resolves where files may take `bytes` more, until the end of the turn. @throws SkepError STORAGE_FULL */
  makeSpace(bytes: number): Promise<void>
  readonly log: Logger
}

/** All segments there are, and who has which slot. What is taken and not in the index yet is known only here. */
export class SegmentSet {
  readonly #dependencies: SegmentSetDependencies
  readonly #segmentBytes: number
  /** By id; one for each file. */
  readonly #segments = new Map<number, Segment>()
  /** By size class. */
  readonly #classes = new Map<number, Set<Segment>>()
  /** Files get longer one after the other: whoever waits for space keeps its place. */
  readonly #growth = new Turnstile(1)
  readonly #changed = new Set<() => void>()
  #nextSegment: number
  #diskBytes = 0
  #slackBytes = 0

  constructor(options: SegmentSetOptions, dependencies: SegmentSetDependencies) {
    this.#dependencies = dependencies
    this.#segmentBytes = segmentBytesWithin(options.maxBytes)
    const { index } = dependencies
    for (const { id, record } of index.segments()) {
      this.#adopt(new Segment(id, record, options.fileBytes.get(id)))
    }
    for (const slot of index.quarantined()) this.quarantine(slot)
    this.#nextSegment = index.nextSegment()
  }

  get(id: number): Segment | undefined {
    return this.#segments.get(id)
  }

  all(): Iterable<Segment> {
    return this.#segments.values()
  }

  /** Bytes that the files take, or will once what is under way is written. */
  get diskBytes(): number {
    return this.#diskBytes
  }

  /** Bytes of the files that new blocks can take without making any longer. */
  get slackBytes(): number {
    return this.#slackBytes
  }

  /**
   * A free slot, in the same turn as it is chosen: others who waited, too, see what is left. Where there is none, one is
   * added; those who wait for space to do so let others by who find theirs free.
   *
   * @throws SkepError STORAGE_FULL
   */
  async take(sizeClass: number): Promise<{ segment: Segment; slot: Slot }> {
    const free = this.#takeFree(sizeClass)
    return free ?? this.#growth.pass(() => this.#takeNew(sizeClass))
  }

  #takeFree(sizeClass: number): { segment: Segment; slot: Slot } | undefined {
    const segment = chooseSegment(this.#classOf(sizeClass))
    return segment && { segment, slot: this.#count(segment, () => segment.take()) }
  }

  async #takeNew(sizeClass: number): Promise<{ segment: Segment; slot: Slot }> {
    for (;;) {
      const free = this.#takeFree(sizeClass)
      if (free) return free
      const segment =
        chooseGrowth(this.#classOf(sizeClass), this.#segmentBytes) ?? (await this.#create(sizeClass))
      const longer = diskBytesOfFile((segment.lengthSlots + 1) * segment.slotBytes)
      await this.#dependencies.makeSpace(longer - (segment.lengthSlots > 0 ? segment.diskBytes : 0))
      const isThere = this.#segments.get(segment.id) === segment && !segment.retired && !segment.shrinking
      // Someone's slot came free while it waited, or its end was cut off: look again.
      if (!isThere || chooseSegment(this.#classOf(sizeClass))) continue
      this.#count(segment, () => segment.resize(segment.lengthSlots + 1))
    }
  }

  /** Its record flushes before the file exists: a file without one is then known to be a leftover. */
  async #create(sizeClass: number): Promise<Segment> {
    const { index, files } = this.#dependencies
    const id = this.#nextSegment++
    const record = emptyRecord(sizeClass)
    await index.store.write(batch => index.addSegment(batch, id, record))
    const segment = new Segment(id, record)
    await files.create(segment).catch(cause => {
      throw diskError(cause, `could not create segment ${id}`)
    })
    this.#adopt(segment)
    return segment
  }

  #adopt(segment: Segment): void {
    segment.sealed = this.#dependencies.sealed.has(segment.id)
    this.#segments.set(segment.id, segment)
    this.#classOf(segment.sizeClass).add(segment)
    this.#diskBytes += segment.diskBytes
    this.#slackBytes += segment.slackBytes
  }

  #classOf(sizeClass: number): Set<Segment> {
    const segments = this.#classes.get(sizeClass) ?? new Set()
    this.#classes.set(sizeClass, segments)
    return segments
  }

  /** Runs `change` on a segment and keeps the sums right. */
  #count<T>(segment: Segment, change: () => T): T {
    const { diskBytes, slackBytes } = segment
    try {
      return change()
    } finally {
      if (this.#segments.get(segment.id) === segment) {
        this.#diskBytes += segment.diskBytes - diskBytes
        this.#slackBytes += segment.slackBytes - slackBytes
      }
    }
  }

  /** A certain free slot, for a block that moves there. */
  takeAt({ segment: id, position }: Slot): void {
    const segment = this.#segments.get(id)
    if (segment) this.#count(segment, () => segment.take(position))
  }

  /** The block is in the index. */
  arrived({ segment: id, position }: Slot): void {
    this.#segments.get(id)?.arriving.delete(position)
    this.#wake()
  }

  free({ segment: id, position }: Slot): void {
    const segment = this.#segments.get(id)
    if (segment) this.#count(segment, () => segment.free(position))
    this.#wake()
  }

  /** True where blocks are on their way in or out. */
  get isBusy(): boolean {
    for (const { arriving, leaving } of this.#segments.values())
      if (arriving.size + leaving.size > 0) return true
    return false
  }

  /** Resolves when a block that was on its way in or out is there. */
  changed(): Promise<void> {
    return new Promise(resolve => this.#changed.add(resolve))
  }

  #wake(): void {
    for (const resolve of this.#changed) resolve()
    this.#changed.clear()
  }

  /** Cuts off the free slots at the end of a file, which nobody takes meanwhile. */
  async cut(segment: Segment): Promise<void> {
    segment.shrinking = true
    try {
      const slots = segment.endSlot
      await this.#dependencies.files.truncate(segment, slots)
      this.#count(segment, () => segment.resize(slots))
    } finally {
      segment.shrinking = false
    }
  }

  /** The disk failed to write to them: now and after every restart they take no new blocks. */
  async seal(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      this.#count(segment, () => {
        segment.sealed = true
      })
    }
    await this.#dependencies.sealed.add(segments.map(({ id }) => id))
  }

  /** Its slot isn't used again while the segment lives. */
  quarantine({ segment, position }: Slot): void {
    this.#segments.get(segment)?.quarantined.add(position)
  }

  /**
   * Within the transaction that deletes the blocks in `slots`: marks these as leaving, and drops the records of segments
   * that hold nothing else. `left` or `stayed` follows when it is known how the transaction ended.
   */
  leave(batch: WriteBatch, slots: readonly Slot[]): Segment[] {
    for (const { segment, position } of slots) this.#segments.get(segment)?.leaving.add(position)
    const emptied = [...new Set(slots.map(({ segment }) => segment))]
      .flatMap(id => this.#segments.get(id) ?? [])
      .filter(segment => segment.abandoned)
    for (const segment of emptied) {
      this.#count(segment, () => {
        segment.retired = true
      })
      this.#dependencies.index.dropSegment(batch, segment.id, quarantinedBytesOf(segment))
    }
    return emptied
  }

  /** The delete has flushed: the slots can be taken again, and the files of emptied segments go. */
  async left(slots: readonly Slot[], emptied: readonly Segment[]): Promise<void> {
    for (const slot of slots) this.free(slot)
    await this.#giveBack(emptied)
  }

  /** The delete failed: nothing has changed. */
  stayed(slots: readonly Slot[], emptied: readonly Segment[]): void {
    for (const { segment, position } of slots) this.#segments.get(segment)?.leaving.delete(position)
    for (const segment of emptied) {
      this.#count(segment, () => {
        segment.retired = false
      })
    }
    this.#wake()
  }

  async #giveBack(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      this.#classOf(segment.sizeClass).delete(segment)
      try {
        await this.#dependencies.files.remove(segment)
        this.#diskBytes -= segment.diskBytes
      } catch (error) {
        // What stays behind counts on, is found without a record, and removed, at the next start.
        this.#dependencies.log.warn({ err: error, segment: segment.id }, 'could not remove an empty segment')
      }
      this.#segments.delete(segment.id)
    }
    this.#wake()
  }
}
