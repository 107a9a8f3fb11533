import { HEALTHY, type Health } from '../plugin.ts'

/**
 * Where bytes that reached the disk are counted, the best first.
 *
 * - `cgroup`: those of this service, at the device. The file system's journal is missing: the kernel writes it in its own name.
 * - `device`: those of the whole machine, at the device, journal and all.
 * - `process`: what the kernel charged this process when it made pages dirty. Too much on ext4 with large folios: 2.9 × where
 *   the device saw 1.01 ×.
 */
export const WEAR_SOURCES = ['cgroup', 'device', 'process'] as const
export type WearSource = (typeof WEAR_SOURCES)[number]

/** Bytes written so far as the system counts them; absent where it doesn't tell. They may begin anew at any time. */
export type WriteCounters = Readonly<Partial<Record<WearSource, number>>>

/** What one source saw in all the time that it was there. */
export interface WriteTally {
  readonly observedMs: number
  readonly writtenBytes: number
  /** Payload of the blocks stored meanwhile. */
  readonly logicalBytes: number
  /** Bytes and time, of which a week ago a third counts, and so on: what is usual of late. */
  readonly recentBytes: number
  readonly recentMs: number
}

export type WriteTallies = Readonly<Partial<Record<WearSource, WriteTally>>>

/** What happened since the look before. */
export interface WriteStep {
  /** Monotonic time that went by. */
  readonly elapsedMs: number
  readonly before: WriteCounters
  readonly after: WriteCounters
  readonly logicalBytes: number
}

/** What the card bears, and for how long. */
export interface CardLife {
  readonly ratedBytes: number
  /** Written by anybody since the first start; by this node, where nothing counts the others. */
  readonly writtenBytes: number
  readonly writtenBytesPerDay: number | null
  /** Null before a whole day was seen, and where nothing is written. */
  readonly daysLeft: number | null
}

const DAY_MS = 86_400_000
/** Long enough to have seen working days and the weekend, short enough to tell of a change while it matters. */
const RECENT_MS = 7 * DAY_MS
/** The bustle of a start says little about a day. */
const MIN_RATE_MS = 10 * 60_000
/** Shorter than a day nobody knows what a day is like. */
const MIN_LIFE_OBSERVED_MS = DAY_MS
/** Less content stored than that says nothing about amplification, nor about a source. */
const MIN_LOGICAL_BYTES = 16 * 1024 * 1024
/** A source that saw less than so much of what was stored, and flushed, doesn't count this node's writes. */
const MIN_SEEN_SHARE = 0.5

export const EMPTY_TALLY: WriteTally = {
  observedMs: 0,
  writtenBytes: 0,
  logicalBytes: 0,
  recentBytes: 0,
  recentMs: 0,
}

/** The tallies after a step. A source counts from the second look on that it is there for. */
export function advance(tallies: WriteTallies, step: WriteStep): WriteTallies {
  const next: Partial<Record<WearSource, WriteTally>> = { ...tallies }
  const kept = Math.exp(-step.elapsedMs / RECENT_MS)
  for (const source of WEAR_SOURCES) {
    const [before, after] = [step.before[source], step.after[source]]
    if (before === undefined || after === undefined) continue
    // One that falls was set back or wrapped: what it saw in between is unknown, and what it says now may be old.
    const bytes = Math.max(0, after - before)
    const tally = tallies[source] ?? EMPTY_TALLY
    next[source] = {
      observedMs: tally.observedMs + step.elapsedMs,
      writtenBytes: tally.writtenBytes + bytes,
      logicalBytes: tally.logicalBytes + step.logicalBytes,
      recentBytes: tally.recentBytes * kept + bytes,
      recentMs: tally.recentMs * kept + step.elapsedMs,
    }
  }
  return next
}

/** The best source that is there and, as far as this run shows, counts this node's writes; the last where none seems to. */
export function chooseSource(run: WriteTallies): WearSource | undefined {
  const present = WEAR_SOURCES.filter(source => run[source])
  return present.find(source => seesOwnWrites(run[source] ?? EMPTY_TALLY)) ?? present.at(-1)
}

function seesOwnWrites({ writtenBytes, logicalBytes }: WriteTally): boolean {
  return logicalBytes < MIN_LOGICAL_BYTES || writtenBytes >= logicalBytes * MIN_SEEN_SHARE
}

/** Bytes written for each byte of content; null where too little was stored to tell. */
export function amplificationOf({ writtenBytes, logicalBytes }: WriteTally): number | null {
  return logicalBytes < MIN_LOGICAL_BYTES ? null : writtenBytes / logicalBytes
}

/** Null while too little was seen to tell. */
export function bytesPerDay({ observedMs, recentBytes, recentMs }: WriteTally): number | null {
  return observedMs < MIN_RATE_MS ? null : (recentBytes / recentMs) * DAY_MS
}

/** A card wears by whoever writes: where the device is counted, that counts. */
export function cardLife(tallies: WriteTallies, source: WearSource, ratedBytes: number): CardLife {
  const tally = tallies.device ?? tallies[source] ?? EMPTY_TALLY
  const { observedMs, writtenBytes } = tally
  const rate = bytesPerDay(tally)
  const leftBytes = Math.max(0, ratedBytes - writtenBytes)
  const isKnown = rate !== null && rate > 0 && observedMs >= MIN_LIFE_OBSERVED_MS
  return { ratedBytes, writtenBytes, writtenBytesPerDay: rate, daysLeft: isKnown ? leftBytes / rate : null }
}

export function judgeLife({ daysLeft, writtenBytesPerDay }: CardLife, minLifeMs: number): Health {
  if (daysLeft === null || daysLeft * DAY_MS >= minLifeMs) return HEALTHY
  const megabytes = Math.round((writtenBytesPerDay ?? 0) / 1e6)
  return {
    status: 'degraded',
    reason:
      `at ${megabytes} MB a day the disk is taken to be worn out in ${Math.floor(daysLeft)} days; find what writes so ` +
      'much, or set storage.wear.ratedBytes to what its maker promises',
  }
}

/** Under 600 bytes. */
export function encodeTallies(tallies: WriteTallies): string {
  return JSON.stringify({ version: 1, tallies })
}

/** @throws TypeError, SyntaxError for what {@link encodeTallies} didn't write */
export function decodeTallies(text: string): WriteTallies {
  const { version, tallies } = JSON.parse(text)
  if (version !== 1) throw new TypeError(`version ${version} of the tallies is unknown`)
  for (const tally of Object.values<Readonly<Record<string, unknown>>>(tallies)) {
    for (const name of Object.keys(EMPTY_TALLY)) {
      const value = tally[name]
      if (typeof value !== 'number' || !(value >= 0 && value < Number.POSITIVE_INFINITY))
        throw new TypeError(`${text} is no tally of writes`)
    }
  }
  return tallies
}
