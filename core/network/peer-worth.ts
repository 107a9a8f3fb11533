import type { PeerId } from '@libp2p/interface'

const MAX_WORTH = 100
/** Reasons kept for one peer: a few of each part of the node, and a user's tags. The one worth least leaves. */
export const MAX_REASONS = 32
/** What is left when there are too many, as a share: finding out who leaves looks at everyone. */
const KEPT_SHARE = 0.9

export interface PeerWorthOptions {
  /** Peers that somebody values and that aren't connected; those that are come on top. */
  readonly maxPeers: number
}

export interface PeerWorthDependencies {
  /** Ids as text of those that are connected. */
  connected(): ReadonlySet<string>
}

/**
 * What connections are worth, by who says so and why. A peer may be valued before it is connected, and stays so after: of
 * too many of these the ones worth least leave, of equals those valued longest ago.
 */
export class PeerWorth {
  readonly #maxPeers: number
  readonly #deps: PeerWorthDependencies
  /** By peer, then by owner and reason. The peer valued last is the last. */
  readonly #peers = new Map<string, Map<string, number>>()
  /** How many there may be before the next look at who is connected. */
  #roomFor: number

  constructor({ maxPeers }: PeerWorthOptions, deps: PeerWorthDependencies) {
    this.#maxPeers = maxPeers
    this.#roomFor = maxPeers
    this.#deps = deps
  }

  /** Peers with a worth. */
  get size(): number {
    return this.#peers.size
  }

  /** From 0, which forgets it, to 100. */
  set(peer: PeerId, owner: string, reason: string, worth: number): void {
    const key = peer.toString()
    const name = `${owner}/${reason}`
    const reasons = this.#peers.get(key) ?? new Map<string, number>()
    this.#peers.delete(key)
    if (worth > 0) reasons.set(name, Math.min(worth, MAX_WORTH))
    else reasons.delete(name)
    if (reasons.size > MAX_REASONS) reasons.delete(leastOf(reasons))
    if (reasons.size > 0) this.#peers.set(key, reasons)
    if (this.#peers.size > this.#roomFor) this.#makeRoom()
  }

  /** The sum of what all say. */
  of(peer: PeerId): number {
    return sumOf(this.#peers.get(peer.toString()))
  }

  /** By owner and reason. */
  reasons(peer: PeerId): Record<string, number> {
    return Object.fromEntries(this.#peers.get(peer.toString()) ?? [])
  }

  /** Forgets all that `owner` said. */
  release(owner: string): void {
    for (const [key, reasons] of this.#peers) {
      for (const name of reasons.keys()) if (name.startsWith(`${owner}/`)) reasons.delete(name)
      if (reasons.size === 0) this.#peers.delete(key)
    }
  }

  #makeRoom(): void {
    const connected = this.#deps.connected()
    const away = [...this.#peers].filter(([key]) => !connected.has(key))
    const here = this.#peers.size - away.length
    if (away.length > this.#maxPeers) {
      // Sorting keeps the order of equals: those valued longest ago stay in front.
      const leastFirst = away.sort(([, a], [, b]) => sumOf(a) - sumOf(b))
      const leaving = leastFirst.slice(0, away.length - Math.floor(this.#maxPeers * KEPT_SHARE))
      for (const [key] of leaving) this.#peers.delete(key)
    }
    this.#roomFor = this.#maxPeers + here
  }
}

function sumOf(reasons: ReadonlyMap<string, number> | undefined): number {
  let sum = 0
  for (const worth of reasons?.values() ?? []) sum += worth
  return sum
}

/** Of equals the one given first. */
function leastOf(reasons: ReadonlyMap<string, number>): string {
  const [first = ['', 0], ...others] = reasons
  const [name] = others.reduce<readonly [string, number]>((a, b) => (b[1] < a[1] ? b : a), first)
  return name
}
