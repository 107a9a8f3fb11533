import { weightAt } from './decay.ts'
import { CREDIT, EVIDENCE, EVIDENCE_KINDS } from './evidence.ts'
import type { Standing } from './standing.ts'

/** What everybody has on either side before anything is known: so much evidence outweighs a guess. */
const PRIOR_WEIGHT = 2

/** Of a peer that nothing is known of. */
export const STRANGER_SCORE = 0.5

/** A peer whose score falls below is banned, where what it did last is never an accident. */
export const BAN_SCORE = 0.1

/** The best there is. */
export const BEST_SCORE = scoreFrom(CREDIT.maxWeight, 0)

/**
 * The mean of a beta distribution: how probable it is that the next thing a peer does is good, after what it did so far.
 * Jøsang and Ismail, The Beta Reputation System: https://aisel.aisnet.org/bled2002/41/
 */
export function scoreFrom(good: number, bad: number): number {
  return (PRIOR_WEIGHT + good) / (2 * PRIOR_WEIGHT + good + bad)
}

export function scoreAt(standing: Standing, nowMs: number): number {
  return scoreFrom(goodAt(standing, nowMs), badAt(standing, nowMs))
}

export function goodAt({ credit }: Standing, nowMs: number): number {
  return credit ? weightAt(credit, CREDIT, nowMs) : 0
}

export function badAt({ tallies }: Standing, nowMs: number): number {
  let bad = 0
  for (const kind of EVIDENCE_KINDS) {
    const tally = tallies[kind]
    if (tally) bad += weightAt(tally, EVIDENCE[kind], nowMs)
  }
  return bad
}
