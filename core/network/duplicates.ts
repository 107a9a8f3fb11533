/** One open connection to a peer, among others to the same. */
export interface Duplicate {
  readonly direction: 'inbound' | 'outbound'
  readonly isDirect: boolean
  readonly ageMs: number
  /** Something is under way on it that a close would end. */
  readonly isBusy: boolean
}

/**
 * How long connections to one peer stand side by side: both ends have seen them by then, and begin what is new on the one
 * that stays. A direct one that lives for so long is stable.
 */
export const SETTLE_MS = 10_000
/** The peer with the larger id lets the other one act first, in case it sees a different one as the older. */
const PATIENCE_FACTOR = 3

/**
 * Which one both ends keep: a direct one before a relayed one, then the one that the peer with the smaller id has dialed,
 * then the oldest. `isSmaller`: whether our id is that. The first is the best.
 */
export function bestFirst<T extends Omit<Duplicate, 'isBusy'>>(
  connections: readonly T[],
  isSmaller: boolean,
): T[] {
  const kept = isSmaller ? 'outbound' : 'inbound'
  return connections.toSorted(
    (a, b) =>
      Number(b.isDirect) - Number(a.isDirect) ||
      Number(b.direction === kept) - Number(a.direction === kept) ||
      b.ageMs - a.ageMs,
  )
}

/** Those to close now: idle ones beside a direct one, once all have settled. Relayed ones stand in for each other. */
export function redundant<T extends Duplicate>(connections: readonly T[], isSmaller: boolean): T[] {
  const [best, ...others] = bestFirst(connections, isSmaller)
  const patienceMs = isSmaller ? SETTLE_MS : SETTLE_MS * PATIENCE_FACTOR
  if (!best?.isDirect || best.ageMs < patienceMs) return []
  return others.filter(({ isBusy, ageMs }) => !isBusy && ageMs >= patienceMs)
}
