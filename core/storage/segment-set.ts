import type { Logger } from '../logger.ts'
import { type BlockIndex, quarantinedBytesOf } from './block-index.ts'
import { diskError } from './disk-error.ts'
import type { SealedSegments } from './sealed-segments.ts'
import type { SegmentFiles } from './segment-files.ts'
import { chooseSegment, emptyRecord, Segment, type Slot } from './slots.ts'
import type { WriteBatch } from './storage.ts'

export interface SegmentSetDependencies {
  readonly index: BlockIndex
  readonly files: SegmentFiles
  readonly sealed: SealedSegments
  readonly log: Logger
}

/** All segments there are, and who has which slot. What is taken and not in the index yet is known only here. */
export class SegmentSet {
  readonly #dependencies: SegmentSetDependencies
  /** By id; one for each file. */
  readonly #segments = new Map<number, Segment>()
  /** By size class: those with a free slot. */
  readonly #open = new Map<number, Set<Segment>>()
  readonly #growing = new Map<number, Promise<void>>()
  #nextSegment: number

  constructor(dependencies: SegmentSetDependencies) {
    this.#dependencies = dependencies
    const { index } = dependencies
    for (const { id, record } of index.segments()) this.#adopt(new Segment(id, record))
    for (const slot of index.quarantined()) this.quarantine(slot)
    this.#nextSegment = index.nextSegment()
  }

  get(id: number): Segment | undefined {
    return this.#segments.get(id)
  }

  /** Bytes of the files that new blocks can take without making any longer. */
  get slackBytes(): number {
    let bytes = 0
    for (const segments of this.#open.values()) for (const { slackBytes } of segments) bytes += slackBytes
    return bytes
  }

  /** Takes in the same turn as it chooses: others who waited, too, see what is left. */
  async take(sizeClass: number): Promise<{ segment: Segment; slot: Slot }> {
    for (;;) {
      const segment = chooseSegment(this.#openOf(sizeClass))
      if (segment) return { segment, slot: this.#takeOf(segment) }
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
    segment.sealed = this.#dependencies.sealed.has(segment.id)
    if (!segment.full && !segment.sealed) this.#openOf(segment.sizeClass).add(segment)
  }

  #openOf(sizeClass: number): Set<Segment> {
    const open = this.#open.get(sizeClass) ?? new Set()
    this.#open.set(sizeClass, open)
    return open
  }

  #takeOf(segment: Segment): Slot {
    const slot = segment.take()
    if (segment.full) this.#openOf(segment.sizeClass).delete(segment)
    return slot
  }

  free({ segment: id, position }: Slot): void {
    const segment = this.#segments.get(id)
    if (!segment) return
    segment.free(position)
    if (!segment.sealed) this.#openOf(segment.sizeClass).add(segment)
  }

  /** The disk failed to write to them: now and after every restart they take no new blocks. */
  async seal(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      segment.sealed = true
      this.#openOf(segment.sizeClass).delete(segment)
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
      segment.retired = true
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
    for (const segment of emptied) segment.retired = false
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
