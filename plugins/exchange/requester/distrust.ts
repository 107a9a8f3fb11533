/** More liars than a node has connections: beyond it the one whose time is up first is forgotten. */
const MAX_PEERS = 1024

/** Peers that sent wrong bytes, each for a while. */
export class Distrust {
  readonly #durationMs: number
  readonly #now: () => number
  /** In the order in which they end, since all last equally long. */
  readonly #untilMs = new Map<string, number>()

  constructor({ durationMs }: { durationMs: number }, { now }: { now: () => number }) {
    this.#durationMs = durationMs
    this.#now = now
  }

  add(peer: string): void {
    this.#untilMs.delete(peer)
    this.#untilMs.set(peer, this.#now() + this.#durationMs)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size > MAX_PEERS && oldest !== undefined) this.#untilMs.delete(oldest)
  }

  has(peer: string): boolean {
    const untilMs = this.#untilMs.get(peer)
    if (untilMs === undefined) return false
    if (untilMs > this.#now()) return true
    this.#untilMs.delete(peer)
    return false
  }

  get size(): number {
    return this.#untilMs.size
  }
}
