/** Blocks from this size on live in segment files; LMDB pages serve smaller ones better. */
const SEGMENT_BLOCK_MIN_BYTES = 32 * 1024

/** What Bitswap and every other IPFS implementation take at most. */
export const MAX_BLOCK_BYTES = 2 * 1024 * 1024

/** One header before each block's bytes; its layout is in `slot-header.ts`. */
export const SLOT_HEADER_BYTES = 128

/** The room that a slot header has for the multihash: every hash allowed takes 70 at most. */
export const MAX_HASH_BYTES = 104

/** Slots start and end on pages, so that writing one never reads or rewrites its neighbour. */
export const PAGE_BYTES = 4096

/** Big enough that a file system sees few files, small enough that segments empty out and go back to it. */
export const SEGMENT_BYTES = 64 * 1024 * 1024

/** Four sizes an octave: a slot wastes a fifth at worst, and no power of two wastes more than its header page. */
const STEPS_PER_OCTAVE = 4

/** Slot sizes by class number, smallest first. Part of the on-disk format: append, never change. */
export const SLOT_BYTES: readonly number[] = Object.freeze(slotSizes())

function slotSizes(): number[] {
  const sizes: number[] = []
  for (let octave = SEGMENT_BLOCK_MIN_BYTES; octave <= MAX_BLOCK_BYTES; octave *= 2) {
    for (let step = 0; step < STEPS_PER_OCTAVE; step++) {
      const payloadBytes = octave + (octave / STEPS_PER_OCTAVE) * step
      if (payloadBytes <= MAX_BLOCK_BYTES) sizes.push(payloadBytes + PAGE_BYTES)
    }
  }
  return sizes
}

/** The smallest class whose slots hold a header and `payloadBytes`, which is at most {@link MAX_BLOCK_BYTES}. */
export function sizeClassOf(payloadBytes: number): number {
  return SLOT_BYTES.findIndex(slotBytes => payloadBytes + SLOT_HEADER_BYTES <= slotBytes)
}

export function slotBytesOf(sizeClass: number): number {
  const bytes = SLOT_BYTES[sizeClass]
  if (bytes === undefined) throw new RangeError(`size class ${sizeClass} of ${SLOT_BYTES.length}`)
  return bytes
}

export function slotsPerSegment(sizeClass: number): number {
  return Math.floor(SEGMENT_BYTES / slotBytesOf(sizeClass))
}

/** Of a small store a segment takes no more than this part, so that it empties out sooner. */
const MAX_SEGMENT_SHARE = 1 / 64
/** Two slots of the largest class. */
const MIN_SEGMENT_BYTES = 2 * (MAX_BLOCK_BYTES + PAGE_BYTES)

/** How long segments get in a store of `maxBytes`. */
export function segmentBytesWithin(maxBytes: number): number {
  return Math.min(SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, maxBytes * MAX_SEGMENT_SHARE))
}

/** What a file system notes of where a file lies: at worst an entry of 12 bytes for each page, as ext4 does. */
const FILE_MAP_SHARE = 1 / 256

/** Disk that a file of `bytes` takes at most, its map and its name included. */
export function diskBytesOfFile(bytes: number): number {
  return bytes + PAGE_BYTES + Math.ceil((bytes * FILE_MAP_SHARE) / PAGE_BYTES) * PAGE_BYTES
}

export function isInline(payloadBytes: number): boolean {
  return payloadBytes < SEGMENT_BLOCK_MIN_BYTES
}

/** Half a page is what LMDB keeps within a leaf page; more gets overflow pages of its own. */
const LEAF_VALUE_MAX_BYTES = 1900
/** Key and node headers in two tables. */
const ENTRY_OVERHEAD_BYTES = 128
/** Random keys leave B-tree pages at least half full. */
const LEAF_FILL = 0.5
const OVERFLOW_HEADER_BYTES = 16

/** Bytes of the index that a block of `payloadBytes` takes at most, in the tables of blocks. */
export function indexBytesOf(payloadBytes: number): number {
  return isInline(payloadBytes) ? diskBytesOf(payloadBytes) : ENTRY_OVERHEAD_BYTES / LEAF_FILL
}

/** Pages of one tree that a commit copies or adds for an entry, at worst (`commit-growth.ts`). */
const PAGES_PER_ENTRY = 4

/** Bytes by which a commit can make the index file longer for a block of `payloadBytes`. */
export function indexGrowthOf(payloadBytes: number): number {
  if (!isInline(payloadBytes)) return PAGES_PER_ENTRY * PAGE_BYTES
  return (2 * PAGES_PER_ENTRY + Math.ceil(payloadBytes / PAGE_BYTES) + 1) * PAGE_BYTES
}

/** The same for a block that is deleted, from both tables of blocks. */
export const INDEX_GROWTH_PER_DELETE_BYTES = 2 * PAGES_PER_ENTRY * PAGE_BYTES

/** Disk bytes that a block of `payloadBytes` takes, as the quota counts them. Never less than what it really takes. */
export function diskBytesOf(payloadBytes: number): number {
  if (!isInline(payloadBytes)) return slotBytesOf(sizeClassOf(payloadBytes))
  const entryBytes = ENTRY_OVERHEAD_BYTES / LEAF_FILL
  if (payloadBytes <= LEAF_VALUE_MAX_BYTES) return entryBytes + payloadBytes / LEAF_FILL
  return entryBytes + Math.ceil((payloadBytes + OVERFLOW_HEADER_BYTES) / PAGE_BYTES) * PAGE_BYTES
}
