/** One peer as the plan sees it. */
export interface Dialable {
  /** `idle`: neither connected nor being dialed. */
  readonly state: 'idle' | 'dialing' | 'connected'
  readonly hasAddresses: boolean
  readonly isMember: boolean
  /** Not to be dialed before. */
  readonly dialAtMs: number
  readonly failures: number
}

export interface Situation {
  readonly nowMs: number
  /** Peers connected, known here or not. */
  readonly connected: number
  readonly lastDialMs: number
}

export interface DialLimits {
  readonly targetPeers: number
  /** Connected peers up to which members are dialed all the same. */
  readonly targetMembers: number
  readonly maxParallel: number
  readonly perSecond: number
}

export interface DialPlan<T> {
  /** Whom to dial now. */
  readonly dial?: T
  /** When to ask again, where nothing happens before; Infinity: then only. */
  readonly waitMs: number
}

/**
 * Whom to dial next: of those whose time has come members first, then the one that failed least, and of these the one that
 * waits longest. Once enough are connected, members alone are dialed.
 */
export function planDial<T extends Dialable>(
  peers: Iterable<T>,
  { nowMs, connected, lastDialMs }: Situation,
  { targetPeers, targetMembers, maxParallel, perSecond }: DialLimits,
): DialPlan<T> {
  const all = [...peers]
  const dialing = all.filter(({ state }) => state === 'dialing').length
  const taken = connected + dialing
  if (dialing >= maxParallel) return { waitMs: Number.POSITIVE_INFINITY }
  let earliestMs = Number.POSITIVE_INFINITY
  let best: T | undefined
  for (const peer of all) {
    if (peer.state !== 'idle' || !peer.hasAddresses) continue
    if (taken >= (peer.isMember ? Math.max(targetPeers, targetMembers) : targetPeers)) continue
    earliestMs = Math.min(earliestMs, peer.dialAtMs)
    if (peer.dialAtMs <= nowMs && (!best || isBetter(peer, best))) best = peer
  }
  const atMs = Math.max(earliestMs, lastDialMs + 1000 / perSecond)
  return best && atMs <= nowMs ? { dial: best, waitMs: 0 } : { waitMs: Math.max(0, atMs - nowMs) }
}

function isBetter(one: Dialable, other: Dialable): boolean {
  if (one.isMember !== other.isMember) return one.isMember
  return one.failures === other.failures ? one.dialAtMs < other.dialAtMs : one.failures < other.failures
}
