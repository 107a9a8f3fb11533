/**
 * Bytes read for peers and not yet taken by the network, within one limit. A peer may hold as much as it leaves free: one
 * alone gets half, and however many stop reading, some is left for the next (Choudhury and Hahne, "Dynamic queue length
 * thresholds for shared-memory packet switches", 1998).
 */
export class ReadAhead {
  /** May change; what is taken stays taken. */
  limitBytes: number
  readonly #byPeer = new Map<string, number>()
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** One block alone is always allowed, whatever its size. */
  mayTake(peer: string, bytes: number): boolean {
    if (this.#usedBytes === 0) return true
    const held = this.#byPeer.get(peer) ?? 0
    const freeBytes = this.limitBytes - this.#usedBytes
    if (bytes > freeBytes) return false
    return held === 0 || held + bytes <= freeBytes
  }

  take(peer: string, bytes: number): void {
    this.#usedBytes += bytes
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + bytes)
  }

  give(peer: string, bytes: number): void {
    this.#usedBytes -= bytes
    const held = (this.#byPeer.get(peer) ?? 0) - bytes
    if (held > 0) this.#byPeer.set(peer, held)
    else this.#byPeer.delete(peer)
  }
}
