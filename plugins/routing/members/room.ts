/** What counts of a member where there is too little room. */
export interface Claim {
  readonly bytes: number
  /** It is connected, and tells of changes. */
  readonly isFollowed: boolean
  /** Look-ups that it was an answer to. */
  readonly finds: number
}

export interface Room {
  readonly maxPeers: number
  readonly maxBytes: number
}

/**
 * Whom to leave out, so that `claim` can have `bytes` in all: those of less worth than it, the least first, and no more than
 * that takes. Of two that are worth the same the one who is there stays. Undefined: there is no room for it.
 *
 * `others`: all who have a table, but for `claim`, in the order in which they came.
 */
export function roomFor<C extends Claim>(
  { maxPeers, maxBytes }: Room,
  claim: Pick<Claim, 'isFollowed' | 'finds'>,
  bytes: number,
  others: readonly C[],
): C[] | undefined {
  const lesser = others
    .filter(other => compare(other, claim) < 0)
    // Of those who are worth the same, the last who came goes first.
    .reverse()
    .sort(compare)
  let usedBytes = others.reduce((sum, other) => sum + other.bytes, bytes)
  let peers = others.length + 1
  const left: C[] = []
  while (usedBytes > maxBytes || peers > maxPeers) {
    const least = lesser[left.length]
    if (!least) return undefined
    left.push(least)
    usedBytes -= least.bytes
    peers -= 1
  }
  return left
}

function compare(a: Pick<Claim, 'isFollowed' | 'finds'>, b: Pick<Claim, 'isFollowed' | 'finds'>): number {
  return Number(a.isFollowed) - Number(b.isFollowed) || a.finds - b.finds
}
