export type Reachability = 'public' | 'private' | 'unknown'

/** An address at which others might reach this node, and what became of it when they tried. */
export interface AddressEvidence {
  readonly address: string
  /**
   * How it came to be one: the address of an `interface`, a `mapping` of the router, the port listened on at the host that
   * others see (`observed`), or named in the config (`announced`).
   */
  readonly via: 'interface' | 'mapping' | 'observed' | 'announced'
  /** What the last check found; null where nobody was there to try. */
  readonly reachable: boolean | null
  /** Peers that were asked to try, in the last check. */
  readonly askedPeers: number
  /** When, in milliseconds since 1970. */
  readonly checkedMs: number | null
}

export interface Verdict {
  readonly reachability: Reachability
  /** What it rests on, for a person. */
  readonly reason: string
}

/**
 * Whether strangers can connect to this node. One that did is proof; that nobody could is taken for `private`, as all that
 * follows is a relay, and the next check may say otherwise.
 */
export function judge(evidence: readonly AddressEvidence[]): Verdict {
  const reached = evidence.find(({ reachable }) => reachable)
  if (reached) return { reachability: 'public', reason: `others connected to ${reached.address}` }
  const askedPeers = Math.max(0, ...evidence.map(one => one.askedPeers))
  if (askedPeers === 1) {
    return { reachability: 'private', reason: 'the one peer outside that tried could not connect' }
  }
  if (askedPeers > 1) {
    const reason = `none of the ${askedPeers} peers outside that tried could connect`
    return { reachability: 'private', reason }
  }
  const why = evidence.length === 0 ? 'no public address is known' : 'no peer outside could be asked'
  return { reachability: 'unknown', reason: why }
}

/** Peers outside choose what they say they see, and each check costs some of them a dial. */
const MIN_HOST_CHECK_PERIOD_MS = 60_000

/** How long another host that others see may wait for its check, so long after the last one. */
export function hostCheckWaitMs(reachability: Reachability, sinceCheckMs: number): number {
  return reachability === 'unknown' ? 0 : Math.max(0, MIN_HOST_CHECK_PERIOD_MS - sinceCheckMs)
}
