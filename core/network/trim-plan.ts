import { type Crowd, compareCrowds } from './handshakes.ts'

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
  /** How many connections there are from its network, and from its host. */
  readonly crowd: Crowd
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
/** What a handshake, identify and pings come to: bytes below tell nothing. */
const UPKEEP_BYTES = 16 * 1024

/**
 * Connections to close, the first first. From `high` on strangers that had their grace go until `low` are left. Where that
 * leaves more than `high`, as our own dials aren't refused, the least valuable of all go until it doesn't.
 */
export function trimPlan(candidates: readonly TrimCandidate[], { low, high }: TrimMarks): string[] {
  if (candidates.length < high) return []
  const strangers = candidates.filter(isTrimmable).sort(leastValuableFirst)
  const plan = strangers.slice(0, candidates.length - low)
  const excess = Math.max(0, candidates.length - plan.length - high)
  const others = candidates.filter(candidate => !plan.includes(candidate)).sort(newcomersFirst)
  return [...plan, ...others.slice(0, excess)].map(({ id }) => id)
}

function isTrimmable({ worth, ageMs }: TrimCandidate): boolean {
  return worth < KEPT_WORTH && ageMs >= GRACE_MS
}

function worthNow({ worth, streams }: TrimCandidate): number {
  return worth + (streams > 0 ? BUSY_WORTH : 0)
}

function leastValuableFirst(a: TrimCandidate, b: TrimCandidate): number {
  return (
    byWorth(a, b) ||
    Number(a.direction === 'outbound') - Number(b.direction === 'outbound') ||
    compareCrowds(b.crowd, a.crowd) ||
    liveliness(a) - liveliness(b) ||
    a.ageMs - b.ageMs
  )
}

/** Of those worth the same, so that two peers that are wanted alike don't take turns. */
function newcomersFirst(a: TrimCandidate, b: TrimCandidate): number {
  return byWorth(a, b) || a.ageMs - b.ageMs
}

function byWorth(a: TrimCandidate, b: TrimCandidate): number {
  return worthNow(a) - worthNow(b) || Number(b.isRelayed) - Number(a.isRelayed)
}

function liveliness({ recentBytes }: TrimCandidate): number {
  return Math.floor(recentBytes / UPKEEP_BYTES)
}
