import { badAt } from './score.ts'
import { NO_STANDING, type Standing } from './standing.ts'

export interface StandingTableOptions {
  readonly maxPeers: number
}

/** A full table loses so much of it at once: finding out who leaves looks at everyone. */
const EVICTED_SHARE = 1 / 16

/**
 * What is known of peers, by id. Where it is full those leave against whom least is known, of equals the one that nothing was
 * heard of for longest: new names can't push out what others have done. Bans are kept elsewhere.
 */
export class StandingTable {
  readonly #options: StandingTableOptions
  /** The one that changed last is the last. */
  readonly #standings = new Map<string, Standing>()
  readonly #changed = new Set<string>()

  constructor(options: StandingTableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#standings.size
  }

  /** There is something for `takeChanged`. */
  get isChanged(): boolean {
    return this.#changed.size > 0
  }

  get(peer: string): Standing {
    return this.#standings.get(peer) ?? NO_STANDING
  }

  has(peer: string): boolean {
    return this.#standings.has(peer)
  }

  set(peer: string, standing: Standing, nowMs: number): void {
    this.#standings.delete(peer)
    if (this.#standings.size >= this.#options.maxPeers) this.#makeRoom(nowMs)
    this.#standings.set(peer, standing)
    this.#changed.add(peer)
  }

  delete(peer: string): boolean {
    if (!this.#standings.delete(peer)) return false
    this.#changed.add(peer)
    return true
  }

  /** What changed since it was asked last; `undefined`: it is gone. */
  takeChanged(): [peer: string, standing: Standing | undefined][] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed.map(peer => [peer, this.#standings.get(peer)])
  }

  /** Gives back what `takeChanged` gave and could not be kept. */
  changedStill(peers: Iterable<string>): void {
    for (const peer of peers) this.#changed.add(peer)
  }

  #makeRoom(nowMs: number): void {
    const leastFirst = [...this.#standings]
      .map(([peer, standing]) => ({ peer, bad: badAt(standing, nowMs) }))
      .sort((a, b) => a.bad - b.bad)
    const leaving = Math.ceil(this.#options.maxPeers * EVICTED_SHARE)
    for (const { peer } of leastFirst.slice(0, leaving)) this.delete(peer)
  }
}
