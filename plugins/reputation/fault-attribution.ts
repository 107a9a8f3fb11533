/** How long what may be this node's own fault waits for others to show that its link works. */
const MOMENT_MS = 10_000

/** What happened so shortly before belongs to the same trouble: peers are missed one by one, as each owes something. */
const LOOKBACK_MS = 30_000

/** So many at a time are no chance. */
const MANY_PEERS = 3

/** After trouble of its own a node hears of what that broke for so long: twice as long as the exchange waits for a peer. */
const AFTERMATH_MS = 60_000

/** Beyond these nobody is charged: who has so many at a time is in trouble itself. */
const MAX_HELD = 256

/** Peers that came or failed lately; connections are bounded below. The one that did so first leaves first. */
const MAX_RECENT = 1024

/** On which side of this node's router a peer is: the way to one may be lost while that to the other works. */
export type Side = 'near' | 'far'

/** Where a peer is, and the bytes that came from it so far. */
export interface Sign {
  readonly side: Side
  readonly bytes: number
}

/** Of the peers that are connected, by id. */
export type Signs = ReadonlyMap<string, Sign>

export interface Held {
  readonly peer: string
}

interface Moment<C> {
  readonly openedMs: number
  readonly before: Signs
  readonly held: C[]
}

export interface Verdict<C> {
  readonly theirs: readonly C[]
  readonly ours: readonly C[]
  /** Many failed on one side, and hardly anybody was heard there: the way to all of them may be lost. */
  readonly isLost: boolean
}

/**
 * Tells a peer's fault from this node's own. What a lost link may look like is held for a moment. It is charged where at least as
 * many other peers on the same side were heard lately as failed; else nobody is. Time is given with each call, and what reads the
 * signs of all peers where they may be needed.
 */
export class FaultAttribution<C extends Held> {
  /** What each peer did last, and when: it came, or it failed. The last one is the last. */
  readonly #recent = new Map<string, { readonly failed: boolean; readonly atMs: number }>()
  #moment: Moment<C> | undefined
  #oursUntilMs: Readonly<Record<Side, number>> = { near: 0, far: 0 }

  /** A connection was made: the link works. */
  connected(peer: string, nowMs: number): void {
    this.#note(peer, false, nowMs)
  }

  /** A peer was lost, went silent, or kept this node waiting. */
  failed(peer: string, nowMs: number, read: () => Signs): void {
    this.#note(peer, true, nowMs)
    this.#moment ??= { openedMs: nowMs, before: read(), held: [] }
  }

  /** This node has other networks than before, or slept. */
  networkChanged(nowMs: number): void {
    const untilMs = nowMs + AFTERMATH_MS
    this.#oursUntilMs = { near: untilMs, far: untilMs }
  }

  /** Holds a charge until its moment is over. False where there is no room: then it counts as this node's fault. */
  hold(charge: C, nowMs: number, read: () => Signs): boolean {
    this.failed(charge.peer, nowMs, read)
    const held = this.#moment?.held
    if (!held || held.length >= MAX_HELD) return false
    held.push(charge)
    return true
  }

  /** What became of all that was held, once its moment is over. */
  settle(nowMs: number, read: () => Signs): Verdict<C> | undefined {
    const moment = this.#moment
    if (!moment || nowMs - moment.openedMs < MOMENT_MS) return undefined
    this.#moment = undefined
    const after = read()
    const sideOf = (peer: string): Side | undefined => (after.get(peer) ?? moment.before.get(peer))?.side
    const recent = [...this.#recent].filter(([, { atMs }]) => atMs >= moment.openedMs - LOOKBACK_MS)
    const failed = new Set(recent.flatMap(([peer, { failed }]) => (failed ? [peer] : [])))
    const came = new Set(recent.flatMap(([peer, { failed }]) => (failed ? [] : [peer])))
    const isHeard = ([peer, { bytes }]: readonly [string, Sign]): boolean =>
      came.has(peer) || (!failed.has(peer) && bytes > (moment.before.get(peer)?.bytes ?? bytes))
    const heard = [...after].filter(isHeard)
    let isLost = false
    const isOurs = (side: Side): boolean => {
      // Where it isn't known on which side a lost peer was, it may have been on either.
      const failures = [...failed].filter(peer => (sideOf(peer) ?? side) === side).length
      const witnesses = heard.filter(([, sign]) => sign.side === side).length
      const isDoubted = failures > witnesses
      if (isDoubted && failures >= MANY_PEERS) {
        isLost = true
        this.#oursUntilMs = { ...this.#oursUntilMs, [side]: nowMs + AFTERMATH_MS }
      }
      return isDoubted || moment.openedMs < this.#oursUntilMs[side]
    }
    const ours: Readonly<Record<Side, boolean>> = { near: isOurs('near'), far: isOurs('far') }
    const isExcused = ({ peer }: Held): boolean => {
      const side = sideOf(peer)
      return side ? ours[side] : ours.near || ours.far
    }
    const { held } = moment
    return { theirs: held.filter(charge => !isExcused(charge)), ours: held.filter(isExcused), isLost }
  }

  #note(peer: string, failed: boolean, atMs: number): void {
    this.#recent.delete(peer)
    this.#recent.set(peer, { failed, atMs })
    for (const [key, { atMs: notedMs }] of this.#recent) {
      if (this.#recent.size <= MAX_RECENT && atMs - notedMs <= MOMENT_MS + LOOKBACK_MS) break
      this.#recent.delete(key)
    }
  }
}
