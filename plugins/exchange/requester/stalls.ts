import type { Link } from './link.ts'

/** A look that is late by so much, or by this share of the time that a peer may stall, tells of a process that was frozen itself. */
const MIN_FROZEN_MS = 1_000
const FROZEN_SHARE = 1 / 4

/** Drops peers that owe something and bring nothing. */
export class Stalls {
  readonly #timeoutMs: number
  readonly #now: () => number
  #lookedMs = 0
  /** Nobody has stalled before. */
  #blameFromMs = 0

  /** `now`: milliseconds of a monotonic clock. */
  constructor({ timeoutMs }: { readonly timeoutMs: number }, { now }: { readonly now: () => number }) {
    this.#timeoutMs = timeoutMs
    this.#now = now
  }

  /** Looks come regularly from now on. */
  begin(): void {
    this.#lookedMs = this.#now()
  }

  /** What came while this node was frozen, or would have, it can't know: then all have their time again. */
  look(links: Iterable<Link>): void {
    const nowMs = this.#now()
    const isFrozen = nowMs - this.#lookedMs > Math.max(MIN_FROZEN_MS, this.#timeoutMs * FROZEN_SHARE)
    this.#lookedMs = nowMs
    if (isFrozen) this.#blameFromMs = nowMs + this.#timeoutMs
    if (nowMs < this.#blameFromMs) return
    for (const link of links) if (link.quietMs > this.#timeoutMs) link.drop('stalled', 'timeout')
  }
}
