import { EVIDENCE } from './evidence.ts'
import { BAN_SCORE, scoreAt } from './score.ts'
import type { Report, Standing } from './standing.ts'

export interface BanOptions {
  /** The first ban of a peer. */
  readonly banMs: number
  readonly maxBanMs: number
}

/** Each ban is so many times as long as the one before. */
const ESCALATION = 4

/** After so long without another, a peer's bans are forgotten. */
export const FORGET_BANS_MS = 30 * 24 * 3_600_000

/** Whether `standing` is reason to ban a peer for what it has just done. */
export function isBannable(standing: Standing, { kind }: Pick<Report, 'kind'>, nowMs: number): boolean {
  return !EVIDENCE[kind].mayBeOurs && scoreAt(standing, nowMs) < BAN_SCORE
}

export function banDurationMs(earlierBans: number, { banMs, maxBanMs }: BanOptions): number {
  return Math.min(maxBanMs, banMs * ESCALATION ** earlierBans)
}
