import { crc32 } from 'node:zlib'
import type { BlockIndex, MovedBlock } from './block-index.ts'
import { systemCodeOf } from './disk-error.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { SegmentSet } from './segment-set.ts'
import { type Move, planShrink } from './shrink-plan.ts'
import { SLOT_HEADER_BYTES } from './size-classes.ts'
import { decodeSlotHeader, encodeSlotHeader } from './slot-header.ts'
import type { Segment, Slot } from './slots.ts'

export interface SegmentShrinkerDependencies {
  readonly index: BlockIndex
  readonly files: SegmentFiles
  readonly segments: SegmentSet
  /** Makes what was written to these segments durable. */
  sync(ids: ReadonlySet<number>): Promise<void>
  /** Writes a block into a slot that is taken. */
  fill(segment: Segment, slot: Slot, header: Uint8Array, payload: Uint8Array): Promise<void>
}

/** Copied at a time: a tenth of a second of a slow card, beside which others read and write. */
const MAX_MOVED_BYTES = 2 * 1024 * 1024

/**
 * Makes segment files shorter, a slice at a time. A block that moves is copied and its copy synced before the index says
 * that it lies there; its old slot comes free only when that has flushed. Who read the old slot meanwhile looks again.
 */
export class SegmentShrinker {
  readonly #dependencies: SegmentShrinkerDependencies

  constructor(dependencies: SegmentShrinkerDependencies) {
    this.#dependencies = dependencies
  }

  /** One slice towards `wantedBytes`; false where there is nothing to gain. */
  async step(wantedBytes: number): Promise<boolean> {
    const { segments } = this.#dependencies
    const { cuts, moves } = planShrink(segments.all(), { wantedBytes, maxMovedBytes: MAX_MOVED_BYTES })
    for (const segment of cuts) await this.#cut(segment)
    if (moves.length > 0) await this.#move(moves)
    return cuts.length + moves.length > 0
  }

  async #cut(segment: Segment): Promise<void> {
    const { segments } = this.#dependencies
    await segments.cut(segment).catch(error => {
      // Its last block left meanwhile, and the file with it.
      if (segments.get(segment.id) === segment && !segment.retired) throw error
    })
  }

  async #move(moves: readonly Move[]): Promise<void> {
    const { index, segments, sync } = this.#dependencies
    for (const { to } of moves) segments.takeAt(to)
    let unused = moves.map(({ to }) => to)
    try {
      // All are awaited even where one fails: nobody may get a slot that is still written to.
      const copies = await Promise.allSettled(moves.map(move => this.#copy(move)))
      const copied = copies.flatMap(copy => {
        if (copy.status === 'rejected') throw copy.reason
        return copy.value
      })
      await sync(new Set(copied.map(({ slot }) => slot.segment)))
      let moved: MovedBlock[] = []
      let emptied: Segment[] = []
      const from = (): Slot[] => moved.flatMap(({ before }) => before.slot ?? [])
      const moving = index.store.write(batch => {
        moved = index.moveBlocks(batch, copied)
        emptied = segments.leave(batch, from())
      })
      await moving.catch(error => {
        segments.stayed(from(), emptied)
        throw error
      })
      const arrived = new Set(moved.map(({ slot }) => slot))
      for (const slot of arrived) segments.arrived(slot)
      unused = unused.filter(slot => !arrived.has(slot))
      await segments.left(from(), emptied)
    } finally {
      for (const slot of unused) segments.free(slot)
    }
  }

  /** The block with its new slot, where it is still there and whole. */
  async #copy({ from, to }: Move): Promise<MovedBlock[]> {
    const { files, index, segments, fill } = this.#dependencies
    const [source, target] = [segments.get(from.segment), segments.get(to.segment)]
    if (!source || !target) return []
    const bytes = await files
      .readSlot(source, from.position, source.slotBytes - SLOT_HEADER_BYTES)
      .catch(error => {
        if (['EIO', 'ENOENT'].includes(systemCodeOf(error))) return new Uint8Array()
        throw error
      })
    const header = decodeSlotHeader(bytes.subarray(0, SLOT_HEADER_BYTES))
    const before = header && index.entry(header.hash)
    const payload = bytes.subarray(SLOT_HEADER_BYTES, SLOT_HEADER_BYTES + (before?.length ?? 0))
    const isIt = before?.slot?.segment === from.segment && before.slot.position === from.position
    if (!header || !before || !isIt || payload.length < before.length || crc32(payload) !== before.crc) {
      // Deleted meanwhile; or damaged, which a read of it will find.
      if (source.isTaken(from.position) && !source.leaving.has(from.position)) source.stuck.add(from.position)
      return []
    }
    await fill(target, to, encodeSlotHeader({ ...before, hash: header.hash }), payload)
    return [{ hash: header.hash.slice(), before, slot: to }]
  }
}
