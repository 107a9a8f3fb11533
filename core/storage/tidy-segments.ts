import type { Logger } from '../logger.ts'
import type { BlockIndex } from './block-index.ts'
import type { SealedSegments } from './sealed-segments.ts'
import type { SegmentFiles } from './segment-files.ts'
import { diskBytesOfFile, slotBytesOf, slotsPerSegment } from './size-classes.ts'
import { decodeSlotHeader } from './slot-header.ts'
import { countBits, endOf } from './slots.ts'

export interface SegmentLengths {
  /** Of the segments that the index knows, by id. */
  readonly fileBytes: Map<number, number>
  readonly unknownBytes: number
}

/**
 * Forgets segments without blocks, removes files that a crash left behind when they were given back, and cuts off what
 * lies behind the last block of the others.
 *
 * @throws RangeError where a segment counts a slot as free whose block is held: the index is damaged
 */
export async function tidySegments(
  index: BlockIndex,
  files: SegmentFiles,
  sealed: SealedSegments,
  log: Logger,
): Promise<SegmentLengths> {
  const quarantined = Map.groupBy(index.quarantined(), slot => slot.segment)
  const held = index.segments()
  const empty = held.filter(
    ({ id, record }) => !sealed.has(id) && countBits(record.bitmap) === (quarantined.get(id)?.length ?? 0),
  )
  if (empty.length > 0) {
    await index.store.write(batch => {
      for (const { id, record } of empty) {
        index.dropSegment(batch, id, (quarantined.get(id)?.length ?? 0) * slotBytesOf(record.sizeClass))
      }
    })
  }
  const known = new Map(index.segments().map(({ id, record }) => [id, record]))
  const lengths = { fileBytes: new Map<number, number>(), unknownBytes: 0 }
  for (const { id, sizeClass, bytes } of await files.list()) {
    const record = known.get(id)
    const slotBytes = slotBytesOf(sizeClass)
    if (record) {
      const end = endOf(record.bitmap, slotsPerSegment(sizeClass))
      const isLonger = bytes > end * slotBytes && !sealed.has(id)
      if (isLonger)
        await checkFree(index, files, { id, slotBytes, from: end, to: Math.ceil(bytes / slotBytes) })
      if (isLonger) await files.truncate({ id, slotBytes }, end)
      lengths.fileBytes.set(id, isLonger ? end * slotBytes : bytes)
    } else if (id < index.nextSegment()) await files.remove({ id, slotBytes })
    else {
      lengths.unknownBytes += diskBytesOfFile(bytes)
      log.warn({ segment: id }, 'segment is unknown to the index: `skep storage rebuild` would take it in')
    }
  }
  return lengths
}

/** Looks into slots before they are cut off: one bit of the index that went wrong must not take a block with it. */
async function checkFree(
  index: BlockIndex,
  files: SegmentFiles,
  { id, slotBytes, from, to }: { id: number; slotBytes: number; from: number; to: number },
): Promise<void> {
  for (let position = from; position < to; position++) {
    const header = decodeSlotHeader(await files.readHeader({ id, slotBytes }, position))
    const slot = header && index.entry(header.hash)?.slot
    if (slot?.segment === id && slot.position === position)
      throw new RangeError(`slot ${position} of segment ${id} counts as free, and a block lies in it`)
  }
}
