/** The volume of one month. Pure. Times are milliseconds since 1970, in UTC. */
export interface Month {
  /** When it began; undefined while the clock has never been right. */
  readonly startMs: number | undefined
  readonly sentBytes: number
  readonly receivedBytes: number
  /** How long the node has run since, without a clock that could be believed. */
  readonly doubtMs: number
}

export const EMPTY_MONTH: Month = { startMs: undefined, sentBytes: 0, receivedBytes: 0, doubtMs: 0 }

/** No clock is right that says it is earlier: this code did not exist. */
export const EARLIEST_MS = Date.UTC(2026, 0, 1)

const LONGEST_MONTH_MS = 31 * 24 * 3_600_000

export interface Moment {
  /** What the clock says. */
  readonly nowMs: number
  /** Running time since the moment before, of a clock that only goes forward. */
  readonly elapsedMs: number
  readonly startDay: number
}

/**
 * The month to count in now. A board without a battery starts with any time at all, so a clock that is behind the month,
 * or was never set, changes nothing: what is used stays used. Where that goes on for a month of running time, a new month
 * begins all the same. What was counted before the clock was first set belongs to the month it then is.
 */
export function advance(month: Month, { nowMs, elapsedMs, startDay }: Moment): Month {
  const startMs = nowMs < EARLIEST_MS ? undefined : monthStart(nowMs, startDay)
  if (startMs === undefined || (month.startMs !== undefined && startMs < month.startMs)) {
    const doubtMs = month.doubtMs + elapsedMs
    return doubtMs < LONGEST_MONTH_MS ? { ...month, doubtMs } : { ...EMPTY_MONTH, startMs }
  }
  if (month.startMs !== undefined && startMs > month.startMs) return { ...EMPTY_MONTH, startMs }
  return month.startMs === startMs && month.doubtMs === 0 ? month : { ...month, startMs, doubtMs: 0 }
}

export function count(month: Month, direction: 'sent' | 'received', bytes: number): Month {
  return direction === 'sent'
    ? { ...month, sentBytes: month.sentBytes + bytes }
    : { ...month, receivedBytes: month.receivedBytes + bytes }
}

/** The last time at or before `nowMs` at which day `startDay` (1 to 28) of a month began. */
export function monthStart(nowMs: number, startDay: number): number {
  const now = new Date(nowMs)
  const before = now.getUTCDate() < startDay ? 1 : 0
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - before, startDay)
}

/** When the month after the one that began at `startMs` begins. */
export function monthEnd(startMs: number): number {
  const start = new Date(startMs)
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, start.getUTCDate())
}
