import { crc32 } from 'node:zlib'
import { isBlockOf } from './block-hash.ts'
import type { BlockIndex } from './block-index.ts'
import { systemCodeOf } from './disk-error.ts'
import { type IndexEntry, slotsNear } from './index-entry.ts'
import type { SegmentFiles } from './segment-files.ts'
import { MAX_BLOCK_BYTES, sizeClassOf } from './size-classes.ts'
import { decodeSlotHeader, type SlotHeader } from './slot-header.ts'
import type { Segment, Slot } from './slots.ts'
import type { WriteBatch } from './storage.ts'

export interface EntryMenderDependencies {
  readonly index: BlockIndex
  readonly files: Pick<SegmentFiles, 'readHeader' | 'readPayload'>
  segment(id: number): Segment | undefined
}

/**
 * What became of an entry whose block doesn't read well: `mended`, and the block reads again; `gone`, since nothing here is
 * that block, though what it led to may be held by its right name now; or it is right, and the block is damaged.
 */
export type Mending = 'mended' | 'gone' | 'right'

type Fix = (batch: WriteBatch) => void

/**
 * Tells a damaged index from a damaged block, and mends what can be: LMDB's pages have no checksum, so that a bit of a key or
 * an entry can go wrong and nothing shows it but the block. Slots say of themselves what they hold, and small blocks have
 * their own key, so that what one place has wrong another has right. Looks for entries that one bit has changed.
 */
export class EntryMender {
  readonly #dependencies: EntryMenderDependencies

  constructor(dependencies: EntryMenderDependencies) {
    this.#dependencies = dependencies
  }

  /** `value`: the entry of `hash`, as read; where it has changed meanwhile, it stays as it is. @throws SkepError STORAGE_FAILED */
  async mend(hash: Uint8Array, value: Uint8Array): Promise<Mending> {
    const { index } = this.#dependencies
    const small = this.#mendInline(hash)
    if (small) return this.#apply(hash, value, small, 'mended')
    const right = await this.#find(hash, value)
    const entry = index.entry(hash)
    if (
      right &&
      entry &&
      right.slot?.position === entry.slot?.position &&
      right.slot?.segment === entry.slot?.segment
    ) {
      if (right.length === entry.length && right.crc === entry.crc) return 'right'
    }
    if (right) return this.#apply(hash, value, batch => index.replace(batch, hash, right), 'mended')
    const other = entry
      ? await this.#otherName(hash, entry)
      : (batch: WriteBatch) => index.drop(batch, hash, undefined)
    return other ? this.#apply(hash, value, other, 'gone') : 'right'
  }

  async #apply(hash: Uint8Array, value: Uint8Array, fix: Fix, mending: Mending): Promise<Mending> {
    const { index } = this.#dependencies
    await index.store.write(batch => {
      const now = index.value(hash)
      if (now && Buffer.compare(now, value) === 0) fix(batch)
    })
    return mending
  }

  /** The block lies in the index after all, by its own key or by one that lost a bit. */
  #mendInline(hash: Uint8Array): Fix | undefined {
    const { index } = this.#dependencies
    for (const key of keysNear(hash)) {
      const bytes = index.inlineBytes(key)
      if (!bytes || !isBlockOf(hash, bytes)) continue
      const right = { slot: undefined, length: bytes.length, crc: crc32(bytes) }
      return batch => {
        if (Buffer.compare(key, hash) !== 0) index.renameInline(batch, key, hash)
        index.replace(batch, hash, right)
      }
    }
    return undefined
  }

  /** The block in a slot that says it is, and holds it. */
  async #find(hash: Uint8Array, value: Uint8Array): Promise<IndexEntry | undefined> {
    for (const slot of slotsNear(value)) {
      const found = await this.#look(slot)
      if (found?.isWhole && Buffer.compare(found.header.hash, hash) === 0)
        return { slot, length: found.header.length, crc: found.header.crc }
    }
    return undefined
  }

  /** The entry is right but for its key: what it leads to is whole, and is another block. */
  async #otherName(hash: Uint8Array, entry: IndexEntry): Promise<Fix | undefined> {
    const { index } = this.#dependencies
    const { slot } = entry
    if (!slot) {
      const name = [...keysNear(hash)].find(key => {
        const bytes = index.inlineBytes(key)
        return bytes && !index.value(key) && isBlockOf(key, bytes)
      })
      return name && (batch => index.rename(batch, hash, name, entry))
    }
    const found = await this.#look(slot)
    if (!found || Buffer.compare(found.header.hash, hash) === 0) return undefined
    const { hash: name, length, crc } = found.header
    if (found.isWhole && !index.value(name))
      return batch => index.rename(batch, hash, name, { slot, length, crc })
    return batch => index.drop(batch, hash, entry)
  }

  async #look(slot: Slot): Promise<{ header: SlotHeader; isWhole: boolean } | undefined> {
    const { files, segment: segmentOf } = this.#dependencies
    const segment = segmentOf(slot.segment)
    if (!segment || slot.position >= segment.lengthSlots || !segment.isTaken(slot.position)) return undefined
    const header = decodeSlotHeader(await readable(files.readHeader(segment, slot.position)))
    if (!header || header.length > MAX_BLOCK_BYTES || sizeClassOf(header.length) !== segment.sizeClass)
      return undefined
    const bytes = await readable(files.readPayload(segment, slot.position, header.length))
    return { header, isWhole: bytes.length === header.length && crc32(bytes) === header.crc }
  }
}

/** The key, and each with one other bit. */
function* keysNear(hash: Uint8Array): Generator<Uint8Array> {
  yield hash
  const key = new Uint8Array(hash)
  for (const at of key.keys()) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      key[at] = (key[at] ?? 0) ^ bit
      yield key.slice()
      key[at] = (key[at] ?? 0) ^ bit
    }
  }
}

/** What can't be read is no bytes. */
async function readable(bytes: Promise<Uint8Array>): Promise<Uint8Array> {
  return bytes.catch(error => {
    if (['EIO', 'ENOENT'].includes(systemCodeOf(error))) return new Uint8Array()
    throw error
  })
}
