/** One open connection, as far as its worth depends on it. */
export interface TrimCandidate {
  readonly id: string
  /** Of its peer, over all who said something: `peer-worth.ts`. */
  readonly worth: number
  readonly direction: 'inbound' | 'outbound'
  readonly ageMs: number
  /** Streams and lanes that carry something; upkeep such as pings doesn't count. */
  readonly streams: number
  /** Bytes within the last seconds, both ways. */
  readonly recentBytes: number
  readonly isRelayed: boolean
}

export interface TrimMarks {
  /** What a trim leaves. */
  readonly low: number
  /** What starts one. */
  readonly high: number
}

/** Peers worth as much are members and keepers of our copies: a trim passes over them as long as there is room for all. */
export const KEPT_WORTH = 50
/** What connects has so long to show what it is good for. Kubo gives as much. */
export const GRACE_MS = 20_000
/** Somebody is in the middle of something: more than a neighbour in a table is worth, less than an index partner. */
const BUSY_WORTH = 20

/**
 * Connections to close, the first first. From `high` on strangers that had their grace go until `low` are left. Where that
 * leaves more than `high`, as our own dials aren't refused, the least valuable of all go until it doesn't.
 */
export function trimPlan(candidates: readonly TrimCandidate[], { low, high }: TrimMarks): string[] {
  if (candidates.length < high) return []
  const ranked = candidates.toSorted(leastValuableFirst)
  const plan = ranked.filter(isTrimmable).slice(0, candidates.length - low)
  const excess = candidates.length - plan.length - high
  const rest = excess > 0 ? ranked.filter(candidate => !plan.includes(candidate)).slice(0, excess) : []
  return [...plan, ...rest].map(({ id }) => id)
}

function isTrimmable({ worth, ageMs }: TrimCandidate): boolean {
  return worth < KEPT_WORTH && ageMs >= GRACE_MS
}

function worthNow({ worth, streams }: TrimCandidate): number {
  return worth + (streams > 0 ? BUSY_WORTH : 0)
}

/** Of equals the newcomer goes, so that two peers that are wanted alike don't take turns. */
function leastValuableFirst(a: TrimCandidate, b: TrimCandidate): number {
  return (
    worthNow(a) - worthNow(b) ||
    Number(b.isRelayed) - Number(a.isRelayed) ||
    Number(a.ageMs >= GRACE_MS) - Number(b.ageMs >= GRACE_MS) ||
    Number(a.direction === 'outbound') - Number(b.direction === 'outbound') ||
    a.recentBytes - b.recentBytes ||
    a.ageMs - b.ageMs
  )
}
