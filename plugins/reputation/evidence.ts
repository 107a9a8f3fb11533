import type { EvidenceKind } from '../../core/api.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const MIB = 1024 * 1024

/** How a weight fades, and how far it can grow. */
export interface Fading {
  /** Time after which it counts half. */
  readonly halfLifeMs: number
  readonly maxWeight: number
}

export interface EvidenceRule extends Fading {
  /** What one counts against a peer. See `score.ts` for what it is weighed against. */
  readonly weight: number
  /** How many may count at once, and how long until one more does. Absent: each counts. */
  readonly limit?: { readonly burst: number; readonly everyMs: number }
  /**
   * A lost link looks the same. So it counts only where others were heard in the same moment, and never bans: it makes a peer the
   * last to be asked.
   */
  readonly mayBeOurs: boolean
}

/** What each thing that a peer was seen doing wrong counts. The README shows what that adds up to. */
export const EVIDENCE: Readonly<Record<EvidenceKind, EvidenceRule>> = {
  /** Hashes don't err, and connections are authenticated: whoever sent it has bad disks, bad memory, or bad intentions. */
  'invalid-block': { weight: 15, halfLifeMs: 30 * DAY_MS, maxWeight: 60, mayBeOurs: false },
  /** Not for a link's faults: frames are whole, or they don't arrive. Another version of a program may err so, again and again. */
  'protocol-violation': {
    weight: 5,
    limit: { burst: 2, everyMs: 30 * SECOND_MS },
    halfLifeMs: 6 * HOUR_MS,
    maxWeight: 40,
    mayBeOurs: false,
  },
  /** What is refused costs little; it is those that go on for minutes that have to be cut off. */
  overload: {
    weight: 1,
    limit: { burst: 3, everyMs: 10 * SECOND_MS },
    halfLifeMs: HOUR_MS,
    maxWeight: 40,
    mayBeOurs: false,
  },
  timeout: {
    weight: 1,
    limit: { burst: 2, everyMs: MINUTE_MS },
    halfLifeMs: 30 * MINUTE_MS,
    maxWeight: 8,
    mayBeOurs: true,
  },
}

export const EVIDENCE_KINDS = Object.keys(EVIDENCE) as readonly EvidenceKind[]

/** What verified bytes count for a peer. Little at the most: what can be earned by the gigabyte must not outweigh a forgery. */
export const CREDIT: Fading & { readonly bytesPerWeight: number } = {
  bytesPerWeight: 16 * MIB,
  halfLifeMs: DAY_MS,
  maxWeight: 2,
}
