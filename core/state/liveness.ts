/**
 * `connected`: a connection is open, and the peer answers. `reachable`: seen or heard of lately, and no dial has failed since.
 * `suspect`: connected, but it is silent for longer than it ever takes to answer; or a dial failed, it wasn't seen for two
 * hours, or not since this node started. `down`: three dials in a row failed, or it wasn't seen for a day.
 */
export type Liveness = 'connected' | 'reachable' | 'suspect' | 'down'

/**
 * What is known of how fast a peer answers, and whether it owes an answer. All times are monotonic, in milliseconds.
 *
 * Peers are asked only while they are silent, so heartbeats come at no even pace, and it is the time that an answer takes that
 * is judged: phi accrual (Hayashibara et al., https://doi.org/10.1109/RELDIS.2004.1353004) over round trips.
 */
export interface Pulse {
  /** When anything came from it last. */
  readonly heardMs: number
  /** Since when a question waits for an answer, or for anything else. */
  readonly askedMs?: number
  /** Mean round trip, and mean deviation from it; absent before the first one. */
  readonly roundTripMs?: number
  readonly deviationMs?: number
}

/** Weights of a new sample: https://www.rfc-editor.org/rfc/rfc6298#section-2 */
const MEAN_WEIGHT = 1 / 8
const DEVIATION_WEIGHT = 1 / 4
/** A busy board may take so long to turn to a question at all. */
const PAUSE_MS = 1000
/** Of a few round trips of 1 ms nobody can tell that 5 ms are suspicious. */
const MIN_DEVIATION_MS = 500
/** A round trip around the world, for a peer that has answered nothing yet. */
const FIRST_ROUND_TRIP_MS = 300
/** Wrong once in a hundred million answers, if these were as even as a normal distribution; they are not, hence so many. */
const SUSPECT_PHI = 8

export function heard(pulse: Pulse, nowMs: number): Pulse {
  const { askedMs: _, ...rest } = pulse
  return { ...rest, heardMs: nowMs }
}

/** A question that waits already goes on waiting. */
export function asked(pulse: Pulse, nowMs: number): Pulse {
  return pulse.askedMs === undefined ? { ...pulse, askedMs: nowMs } : pulse
}

export function answered(pulse: Pulse, roundTripMs: number, nowMs: number): Pulse {
  const { roundTripMs: mean, deviationMs: deviation = 0 } = pulse
  return {
    ...heard(pulse, nowMs),
    roundTripMs: mean === undefined ? roundTripMs : mean + MEAN_WEIGHT * (roundTripMs - mean),
    deviationMs:
      mean === undefined
        ? roundTripMs / 2
        : deviation + DEVIATION_WEIGHT * (Math.abs(roundTripMs - mean) - deviation),
  }
}

/**
 * How unlikely it is that the answer that is owed still comes: 1 is one in ten, 2 one in a hundred, and so on. 0 where
 * nothing was asked. The normal distribution is approximated as in https://doi.org/10.1016/j.mcm.2006.10.004
 */
export function phiOf(
  { askedMs, roundTripMs = FIRST_ROUND_TRIP_MS, deviationMs = 0 }: Pulse,
  nowMs: number,
): number {
  if (askedMs === undefined) return 0
  const excess = (nowMs - askedMs - PAUSE_MS - roundTripMs) / Math.max(deviationMs, MIN_DEVIATION_MS)
  const exponential = Math.exp(-excess * (1.5976 + 0.070566 * excess * excess))
  const stillComes = excess > 0 ? exponential / (1 + exponential) : 1 - 1 / (1 + exponential)
  return Math.max(0, -Math.log10(stillComes))
}

/** True where a connected peer owes an answer for suspiciously long. */
export function isSilent(pulse: Pulse, nowMs: number): boolean {
  return phiOf(pulse, nowMs) >= SUSPECT_PHI
}

/** A peer unseen for so long may well have gone: two hours outlast a reboot and an update. */
const SUSPECT_AFTER_MS = 2 * 60 * 60 * 1000
/** And after a day it has. */
const DOWN_AFTER_MS = 24 * 60 * 60 * 1000
/** Dials in a row that failed. One can be chance. */
const DOWN_AFTER_FAILURES = 3

/** What liveness depends on. */
export interface Sightings {
  readonly isConnected: boolean
  readonly pulse: Pulse
  /** False while all that is known of it is from an earlier run: nobody knows how long ago that was. Then `heardMs` is this start. */
  readonly isOfThisRun: boolean
  /** Failed dials since it was last seen. A connection that ended in silence counts as one. */
  readonly failedDials: number
}

export function livenessOf(
  { isConnected, pulse, isOfThisRun, failedDials }: Sightings,
  nowMs: number,
): Liveness {
  if (isConnected) return isSilent(pulse, nowMs) ? 'suspect' : 'connected'
  const unseenMs = nowMs - pulse.heardMs
  if (failedDials >= DOWN_AFTER_FAILURES || unseenMs >= DOWN_AFTER_MS) return 'down'
  return !isOfThisRun || failedDials > 0 || unseenMs >= SUSPECT_AFTER_MS ? 'suspect' : 'reachable'
}
