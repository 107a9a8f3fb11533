import type { PeerId } from '@libp2p/interface'

const MAX_WORTH = 100

/** What connections are worth, by who says so and why. */
export class PeerWorth {
  /** By peer, then by owner and reason. */
  readonly #peers = new Map<string, Map<string, number>>()

  /** From 0, which forgets it, to 100. */
  set(peer: PeerId, owner: string, reason: string, worth: number): void {
    const key = peer.toString()
    const reasons = this.#peers.get(key) ?? new Map<string, number>()
    if (worth > 0) reasons.set(`${owner}/${reason}`, Math.min(worth, MAX_WORTH))
    else reasons.delete(`${owner}/${reason}`)
    if (reasons.size > 0) this.#peers.set(key, reasons)
    else this.#peers.delete(key)
  }

  /** The sum of what all say. */
  of(peer: PeerId): number {
    let sum = 0
    for (const worth of this.#peers.get(peer.toString())?.values() ?? []) sum += worth
    return sum
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
}
