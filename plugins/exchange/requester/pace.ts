/** How much one peer may owe, learned from what it delivers. Pure. */
export interface Pace {
  /** Bytes that may be outstanding. */
  readonly windowBytes: number
  readonly bytesPerMs: number
}

/** What arrived while the peer owed us something all the time. */
export interface Sample {
  readonly bytes: number
  readonly elapsedMs: number
  /** The window was what held us back. */
  readonly full: boolean
}

/** The smallest window: two blocks of the usual 1 MiB, so that one is on its way while the next is asked for. */
export const INITIAL_WINDOW_BYTES = 2 * 1024 * 1024

/** Taken for true until a peer has proved otherwise: a small board on a fast network. */
const INITIAL_BYTES_PER_MS = 10 * 1024

/** No more is asked of a peer than it delivers in this time, so that work need not be taken back from a slow one. */
const MAX_QUEUE_MS = 1_000

/** Weight of the newest sample: four or five of them outweigh the past. */
const NEWEST = 0.25

export const INITIAL_PACE: Pace = {
  windowBytes: INITIAL_WINDOW_BYTES,
  bytesPerMs: INITIAL_BYTES_PER_MS,
}

/** Doubles a full window each round trip, up to what the peer's speed can use. */
export function faster(pace: Pace, sample: Sample, maxWindowBytes: number): Pace {
  const measured = sample.bytes / sample.elapsedMs
  const bytesPerMs = pace.bytesPerMs * (1 - NEWEST) + measured * NEWEST
  const wanted = pace.windowBytes + (sample.full ? sample.bytes : 0)
  return { bytesPerMs, windowBytes: clamp(Math.min(wanted, bytesPerMs * MAX_QUEUE_MS), maxWindowBytes) }
}

/** Half the window, after the peer said that it is busy or let what it owes wait. */
export function slower(pace: Pace, maxWindowBytes: number): Pace {
  return { ...pace, windowBytes: clamp(pace.windowBytes / 2, maxWindowBytes) }
}

function clamp(windowBytes: number, maxWindowBytes: number): number {
  return Math.floor(Math.min(Math.max(windowBytes, INITIAL_WINDOW_BYTES), maxWindowBytes))
}
