import { setImmediate as nextTurn } from 'node:timers/promises'
import { placeOf, sharedBits, shareOf } from '../dht/key-space.ts'

/** A multihash and where it lies in the key space. */
export interface PlacedHash {
  readonly hash: Uint8Array
  readonly place: Uint8Array
}

/** The most hashes of one slice, about 120 bytes of memory each. */
const MAX_SLICE_HASHES = 4096
/** Slices are wide enough to hold so many on average, where there are so many. */
const MEAN_SLICE_HASHES = 2048
/** With few hashes, so many slices spread them over the period. */
const MIN_SLICES = 64

/** A part of the key space: shares from `from` on, below `to`. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** The part of the key space that comes next, of as many equal ones as suit `count` hashes. */
export function nextRange(from: number, count: number): Range {
  const slices = Math.max(MIN_SLICES, 2 ** Math.ceil(Math.log2(Math.max(1, count / MEAN_SLICE_HASHES))))
  return { from, to: Math.min(1, (Math.floor(from * slices) + 1) / slices) }
}

export interface Slice {
  /** In the order of their places. */
  readonly hashes: readonly PlacedHash[]
  /** Where the next slice begins: before the end of the range where it held too many. */
  readonly to: number
  /** All hashes that there are, in the range or not. */
  readonly total: number
}

/** The hashes of `pages` that lie in `range`. Other work gets its turn after each page. */
export async function sliceOf(
  pages: Iterable<readonly Uint8Array[]>,
  range: Range,
  signal: AbortSignal,
): Promise<Slice> {
  let kept: PlacedHash[] = []
  let { to } = range
  let total = 0
  const tighten = (): void => {
    kept.sort(byPlace)
    const first = kept[MAX_SLICE_HASHES]
    if (!first) return
    to = shareOf(first.place)
    kept = kept.filter(({ place }) => shareOf(place) < to)
  }
  for (const page of pages) {
    for (const hash of page) {
      total += 1
      const place = placeOf(hash)
      const share = shareOf(place)
      if (share >= range.from && share < to) kept.push({ hash, place })
    }
    if (kept.length > 2 * MAX_SLICE_HASHES) tighten()
    await nextTurn()
    signal.throwIfAborted()
  }
  tighten()
  return { hashes: kept, to, total }
}

export function byPlace(one: PlacedHash, other: PlacedHash): number {
  return Buffer.compare(one.place, other.place)
}

/** Hashes told on one stream: some 150 bytes each with a few addresses. */
const MAX_BATCH = 256

/**
 * How many of `hashes`, from the first on, have their nearest nodes among `near`, those found for the first one.
 *
 * Where the look-up found fewer nodes than keep a record, it found all there are. Else all nodes that share more bits with the
 * first hash than the farthest of them were found, so that hashes which share as many have most of their nearest among these.
 */
export function batchOf(
  hashes: readonly PlacedHash[],
  near: readonly Uint8Array[],
  bucketSize: number,
): number {
  const [first] = hashes
  if (!first) return 0
  const depth =
    near.length < bucketSize ? 0 : Math.min(...near.map(place => sharedBits(first.place, place))) + 1
  const end = hashes.findIndex(({ place }) => sharedBits(first.place, place) < depth)
  return Math.min(end < 0 ? hashes.length : end, MAX_BATCH)
}
