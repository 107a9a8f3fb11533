import type { PeerSummary, ProviderSource } from '../../../core/api.ts'

/** What is known of a provider when it has to be ranked. */
export interface Contender {
  readonly source: ProviderSource
  /** Undefined where the node has never met it. */
  readonly summary: Pick<PeerSummary, 'liveness' | 'latencyMs' | 'evidence'> | undefined
  /** As the reputation has it, from 0 to 1. Absent where nobody keeps one: then the evidence counts as it is. */
  readonly score?: number | undefined
}

/** The score of a peer that did nothing yet. */
const STRANGER_SCORE = 0.5
/** What a peer with half of that score costs more, in round trip. Credit is worth nothing here: near peers go first anyway. */
const DOUBT_MS = 4000

/** Round trip reckoned for a peer that was never measured: a distant one's, so that measured near ones go first. */
const UNKNOWN_LATENCY_MS = 200
/** What each thing a peer was seen doing wrong counts, in round trip. */
const FAULT_MS = 1000
/** Who gave wrong bytes comes after all who didn't. */
const FORGERY_MS = 1_000_000
/** A dial costs some round trips. */
const DIAL_ROUND_TRIPS = 4

const SOURCE_MS: Readonly<Record<ProviderSource, number>> = { members: 0, dht: 100, delegated: 200 }
const LIVENESS_MS: Readonly<Record<PeerSummary['liveness'], number>> = {
  connected: 0,
  reachable: 0,
  suspect: 2000,
  down: 10_000,
}

/** What it costs to try a provider, about, in milliseconds: the least comes first. */
export function costOf({ source, summary, score }: Contender): number {
  const doubtMs = score === undefined ? faultsMs(summary?.evidence ?? {}) : scoreMs(score)
  const latencyMs = summary?.latencyMs ?? UNKNOWN_LATENCY_MS
  if (!summary) return SOURCE_MS[source] + latencyMs * DIAL_ROUND_TRIPS + doubtMs
  const { liveness } = summary
  const trips = liveness === 'connected' ? 1 : DIAL_ROUND_TRIPS
  return SOURCE_MS[source] + LIVENESS_MS[liveness] + latencyMs * trips + doubtMs
}

function scoreMs(score: number): number {
  return Math.max(0, STRANGER_SCORE / score - 1) * DOUBT_MS
}

function faultsMs({ 'invalid-block': forged = 0, ...others }: PeerSummary['evidence']): number {
  const faults = Object.values(others).reduce((sum, count) => sum + count, 0)
  return faults * FAULT_MS + (forged > 0 ? FORGERY_MS : 0)
}

/** Takes the best out of `contenders`, of equals the first. Undefined where there is none. */
export function takeBest<T extends Contender>(contenders: T[]): T | undefined {
  let best = -1
  let bestCost = Number.POSITIVE_INFINITY
  for (const [index, contender] of contenders.entries()) {
    const cost = costOf(contender)
    if (cost < bestCost) {
      best = index
      bestCost = cost
    }
  }
  return best < 0 ? undefined : contenders.splice(best, 1)[0]
}
