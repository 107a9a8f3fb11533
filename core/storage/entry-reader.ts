import type { BlockIndex } from './block-index.ts'
import type { ShelfReadOptions } from './block-shelf.ts'
import { systemCodeOf } from './disk-error.ts'
import { storageError } from './errors.ts'
import type { IndexEntry } from './index-entry.ts'
import type { SegmentFiles } from './segment-files.ts'
import { decodeSlotHeader } from './slot-header.ts'
import type { Segment } from './slots.ts'

export interface EntryReaderDependencies {
  readonly index: BlockIndex
  readonly files: SegmentFiles
  segment(id: number): Segment | undefined
}

/** Reads what an entry of the index points at. Whether it is the block is for others to tell. */
export class EntryReader {
  readonly #dependencies: EntryReaderDependencies

  constructor(dependencies: EntryReaderDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * The bytes, or the cause why that block has none.
   * @throws SkepError STORAGE_FAILED where the disk fails in a way that says nothing of the block
   */
  async load(
    hash: Uint8Array,
    { slot, length }: IndexEntry,
    { isUncached }: ShelfReadOptions,
  ): Promise<{ bytes?: Uint8Array; cause?: unknown }> {
    const { index, files, segment: segmentOf } = this.#dependencies
    if (!slot) return { bytes: index.inlineBytes(hash) }
    const segment = segmentOf(slot.segment)
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

  /** False where the slot names another block: of one whose hash function isn't known nothing else would tell. */
  async isNamed(hash: Uint8Array, { slot }: IndexEntry): Promise<boolean> {
    const segment = slot && this.#dependencies.segment(slot.segment)
    if (!segment) return true
    const header = await this.#dependencies.files
      .readHeader(segment, slot.position)
      .catch(() => new Uint8Array())
    const named = decodeSlotHeader(header)?.hash
    return !named || Buffer.compare(named, hash) === 0
  }
}

/** A multihash as messages show it. */
export function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
