/** How the scrub spends its time. Pure. */

export interface PaceOptions {
  readonly periodMs: number
  readonly maxBytesPerSecond: number
}

/** Of the period, what a pass is spread over. The rest is for what comes late. */
export const SPREAD = 0.9

/** Of the period, how late a block may be because the node had other work. Later ones are read whatever the load. */
export const PATIENCE = 0.05

/** While the node is busy, how long until the next look. */
const BUSY_WAIT_MS = 1000

/** Blocks due within this are read together: an idle board wakes no more often. */
const QUANTUM_MS = 10_000

/** Of the period, how long that may be at most. */
const QUANTUM_SHARE = 1 / 10_000

/** The next block, and how things stand. */
export interface Step {
  /** Where the block stands in the order of digests, from 0 to 1. */
  readonly share: number
  /** What reading it takes of the disk. */
  readonly bytes: number
  /** Since the pass began. */
  readonly elapsedMs: number
  /** Bytes that the ceiling leaves right now. */
  readonly allowedBytes: number
  readonly isBusy: boolean
}

/** When a block is due, counted from the begin of the pass: digests are spread evenly, hence so are the blocks. */
export function dueMs({ periodMs }: PaceOptions, share: number): number {
  return share * SPREAD * periodMs
}

/** How long to wait before the next block is read, in whole milliseconds; 0: now. */
export function waitMs(options: PaceOptions, step: Step): number {
  const { periodMs, maxBytesPerSecond } = options
  const lateMs = step.elapsedMs - dueMs(options, step.share)
  if (lateMs < 0) return Math.ceil(Math.max(-lateMs, Math.min(QUANTUM_MS, periodMs * QUANTUM_SHARE)))
  const patienceMs = PATIENCE * periodMs - lateMs
  if (step.isBusy && patienceMs > 0) return Math.ceil(Math.min(BUSY_WAIT_MS, patienceMs))
  return Math.max(0, Math.ceil(((step.bytes - step.allowedBytes) / maxBytesPerSecond) * 1000))
}

/** True where a pass over `bytes` fits into the period under the ceiling. */
export function isPossible({ periodMs, maxBytesPerSecond }: PaceOptions, bytes: number): boolean {
  return (bytes / maxBytesPerSecond) * 1000 <= SPREAD * periodMs
}

/**
 * How far in time a pass is after the node was off for `offMs`. That counts, so that a board that runs an hour a day gets
 * round in its period, too; but never more than makes the next block a little late: nobody wants a scrub that rushes
 * because the board lay in a drawer.
 */
export function resumedMs(
  options: PaceOptions,
  saved: { readonly elapsedMs: number; readonly share: number },
  offMs: number,
): number {
  const latestMs = dueMs(options, saved.share) + PATIENCE * options.periodMs
  return Math.max(saved.elapsedMs, Math.min(saved.elapsedMs + Math.max(0, offMs), latestMs))
}
