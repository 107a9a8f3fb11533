import { type EvidenceKind, fullBucket, type Rate, refill, type TokenBucket } from '../../core/api.ts'
import { type Decaying, grown } from './decay.ts'
import { CREDIT, EVIDENCE, type EvidenceRule } from './evidence.ts'

/** All reports of one kind about one peer. */
export interface Tally extends Decaying {
  readonly times: number
  /** Of these: too soon after others. */
  readonly limited: number
  /** Of these: perhaps this node's own fault. */
  readonly excused: number
  readonly lastMs: number
  /** Of the last one. */
  readonly detail: string
  /** What the kind's limit has left; absent until a report counts, and after a restart. */
  readonly bucket?: TokenBucket
}

/** What is known of one peer, first hand. Values: each change makes a new one. All times are of one clock. */
export interface Standing {
  readonly verifiedBytes: number
  readonly credit?: Decaying
  readonly tallies: Readonly<Partial<Record<EvidenceKind, Tally>>>
}

export const NO_STANDING: Standing = { verifiedBytes: 0, tallies: {} }

/** Peers have a say in what a report quotes. */
export const MAX_DETAIL_CHARACTERS = 256

export interface Report {
  readonly kind: EvidenceKind
  readonly detail: string
}

/** With one more report, which counts unless too many came before it. */
export function reported(
  standing: Standing,
  { kind, detail }: Report,
  nowMs: number,
): { readonly standing: Standing; readonly isCounted: boolean } {
  const rule = EVIDENCE[kind]
  const before = standing.tallies[kind]
  const bucket = taken(rule, before?.bucket, nowMs)
  const isCounted = bucket.tokens >= 0
  const tally: Tally = {
    ...noted(before, detail, nowMs),
    ...(isCounted ? { ...grown(before, rule.weight, rule, nowMs), bucket } : {}),
    limited: (before?.limited ?? 0) + (isCounted ? 0 : 1),
  }
  return { standing: withTally(standing, kind, tally), isCounted }
}

/** With one more report that doesn't count, since the fault may be this node's. */
export function excused(standing: Standing, { kind, detail }: Report, nowMs: number): Standing {
  const before = standing.tallies[kind]
  const tally = { ...noted(before, detail, nowMs), excused: (before?.excused ?? 0) + 1 }
  return withTally(standing, kind, tally)
}

/** With so many more verified bytes. */
export function credited(standing: Standing, bytes: number, nowMs: number): Standing {
  return {
    ...standing,
    verifiedBytes: standing.verifiedBytes + bytes,
    credit: grown(standing.credit, bytes / CREDIT.bytesPerWeight, CREDIT, nowMs),
  }
}

function withTally(standing: Standing, kind: EvidenceKind, tally: Tally): Standing {
  return { ...standing, tallies: { ...standing.tallies, [kind]: tally } }
}

function noted(before: Tally | undefined, detail: string, nowMs: number): Tally {
  return {
    weight: 0,
    atMs: nowMs,
    limited: 0,
    excused: 0,
    ...before,
    times: (before?.times ?? 0) + 1,
    lastMs: nowMs,
    detail: detail.slice(0, MAX_DETAIL_CHARACTERS),
  }
}

/** The bucket without one token; below 0 where there was none. */
function taken({ limit }: EvidenceRule, bucket: TokenBucket | undefined, nowMs: number): TokenBucket {
  if (!limit) return { tokens: 0, atMs: nowMs }
  const rate: Rate = { perSecond: 1000 / limit.everyMs, burst: limit.burst }
  const { tokens, atMs } = refill(bucket ?? fullBucket(rate, nowMs), rate, nowMs)
  return { tokens: tokens - 1, atMs }
}
