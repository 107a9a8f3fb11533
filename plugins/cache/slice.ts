import type { Place } from './recency-order.ts'

/** A place, and what decides whether its block goes. */
export interface Candidate extends Place {
  /** Payload bytes, or undefined where the block is gone already. */
  readonly sizeBytes: number | undefined
  readonly isPinned: boolean
  /** Used since the order was saved: it no longer stands where the order says. */
  readonly wasTouched: boolean
}

export interface SliceLimits {
  /** Stop when this much will be free. */
  readonly wantedBytes: number
  /** Bytes deleted in one go; the first block may pass it. */
  readonly maxBytes: number
}

export interface Slice {
  readonly victims: readonly Place[]
  /** Places of blocks that are pinned or gone. */
  readonly stale: readonly Place[]
  /** The last place that was looked at, or undefined where there was none. */
  readonly last: Place | undefined
}

/**
 * The next blocks to delete: the longest unused first, never a pinned one, and no more than is wanted. Looks at
 * `candidates` only as far as it must.
 */
export function planSlice(candidates: Iterable<Candidate>, { wantedBytes, maxBytes }: SliceLimits): Slice {
  const victims: Place[] = []
  const stale: Place[] = []
  let last: Place | undefined
  let bytes = 0
  for (const { sequence, hash, sizeBytes, isPinned, wasTouched } of candidates) {
    const place = { sequence, hash }
    if (isPinned || sizeBytes === undefined) {
      stale.push(place)
    } else if (!wasTouched) {
      if (victims.length > 0 && bytes + sizeBytes > maxBytes) break
      victims.push(place)
      bytes += sizeBytes
    }
    last = place
    if (bytes >= wantedBytes) break
  }
  return { victims, stale, last }
}
