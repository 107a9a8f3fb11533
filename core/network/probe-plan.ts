import type { Pulse } from '../state/liveness.ts'

/** How long a connected peer may be silent before it is asked, with few peers. */
export const PROBE_AFTER_MS = 60_000
/**
 * More peers are asked so much less often that all together cost no more than these: a question every five seconds, of some
 * 220 bytes on the wire with all headers and acknowledgements, which is 4 MB a day.
 */
const FULL_RATE_PEERS = 12
/** Still well within the time after which a silent socket is closed. */
const MAX_PROBE_AFTER_MS = 10 * 60_000
/** One that was asked and says nothing for so long is gone. A Pi Zero under load answers in a few seconds. */
const GONE_AFTER_MS = 20_000
/** Questions that begin at a time, and how long after them the next ones may. */
const MAX_ASKED_AT_ONCE = 4
const MIN_REST_MS = 250
/** How often peers that owe an answer are looked at. */
const WATCH_MS = 1000

export interface ProbedPeer {
  readonly pulse: Pulse
  /** From 0 to below 1, another for each silence: so that the two ends of a connection rarely ask at the same time. */
  readonly jitter: number
}

export interface ProbePlan<T> {
  readonly ask: readonly T[]
  /** Those that owe an answer for too long. */
  readonly gone: readonly T[]
  /** When to look again; Infinity: when a peer connects. */
  readonly waitMs: number
}

/**
 * Whom to ask whether it is there: those that were silent longest first. `awakeMs`: since when this node runs without a pause;
 * what came before tells nothing against others.
 */
export function planProbes<T extends ProbedPeer>(
  peers: readonly T[],
  probeAfterMs: number,
  nowMs: number,
  awakeMs = Number.NEGATIVE_INFINITY,
): ProbePlan<T> {
  const crowd = Math.max(1, peers.length / FULL_RATE_PEERS)
  const restMs = Math.min(probeAfterMs * crowd, MAX_PROBE_AFTER_MS)
  const dueMs = ({ pulse, jitter }: T): number => pulse.heardMs + restMs * (1 + jitter / 4)
  const owing = peers.filter(({ pulse }) => pulse.askedMs !== undefined)
  const quiet = peers
    .filter(({ pulse }) => pulse.askedMs === undefined)
    .sort((one, other) => dueMs(one) - dueMs(other))
  const due = quiet.filter(peer => dueMs(peer) <= nowMs)
  const ask = due.slice(0, MAX_ASKED_AT_ONCE)
  const [next] = quiet.slice(ask.length)
  const nextMs = next ? Math.max(MIN_REST_MS, dueMs(next) - nowMs) : Number.POSITIVE_INFINITY
  return {
    ask,
    gone: owing.filter(
      ({ pulse: { askedMs = nowMs } }) => nowMs - Math.max(askedMs, awakeMs) >= GONE_AFTER_MS,
    ),
    waitMs: owing.length + ask.length > 0 ? Math.min(WATCH_MS, nextMs) : nextMs,
  }
}
