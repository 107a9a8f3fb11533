import type { ReputationReport } from '../../core/api.ts'
import type { Ban } from './ban-list.ts'
import { weightAt } from './decay.ts'
import { EVIDENCE, EVIDENCE_KINDS } from './evidence.ts'
import { goodAt, scoreAt } from './score.ts'
import type { Standing } from './standing.ts'

/** `ban`: the last one of the peer, ended or not. */
export function reportOf(
  peer: string,
  { standing, ban }: { readonly standing: Standing; readonly ban: Ban | undefined },
  nowMs: number,
): ReputationReport {
  const isBanned = ban !== undefined && ban.untilMs > nowMs
  return {
    peer,
    score: scoreAt(standing, nowMs),
    credit: { verifiedBytes: standing.verifiedBytes, weight: goodAt(standing, nowMs) },
    evidence: EVIDENCE_KINDS.flatMap(kind => {
      const tally = standing.tallies[kind]
      if (!tally) return []
      const { times, limited, excused, lastMs, detail } = tally
      const weight = weightAt(tally, EVIDENCE[kind], nowMs)
      return [{ kind, times, limited, excused, lastMsAgo: nowMs - lastMs, weight, detail }]
    }),
    ...(isBanned && {
      ban: {
        kind: ban.kind,
        detail: ban.detail,
        madeMsAgo: nowMs - ban.madeMs,
        endsInMs: ban.untilMs - nowMs,
      },
    }),
    earlierBans: ban ? ban.times - Number(isBanned) : 0,
  }
}
