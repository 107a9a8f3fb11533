import { fullBucket, type Rate, refill, type TokenBucket } from '../../../core/api.ts'

const MIB = 1024 * 1024

/** Whoever finds a quicker holder takes back a window a second at the most; whoever ends a transfer what was read ahead, once. */
const RATE: Rate = { perSecond: 4 * MIB, burst: 64 * MIB }

/** More than a node has connections. The one that did so longest ago is forgotten first. */
const MAX_PEERS = 1024

/** What was read for peers that then no longer wanted it: it costs them a few bytes, and this node as much as what is sent. */
export class VainReads {
  readonly #now: () => number
  readonly #buckets = new Map<string, TokenBucket>()

  /** `now`: milliseconds of a monotonic clock. */
  constructor({ now }: { readonly now: () => number }) {
    this.#now = now
  }

  add(peer: string, bytes: number): void {
    const bucket = this.#bucketOf(peer)
    this.#buckets.delete(peer)
    this.#buckets.set(peer, { ...bucket, tokens: bucket.tokens - bytes })
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > MAX_PEERS && oldest !== undefined) this.#buckets.delete(oldest)
  }

  /** True where nothing should be read for `peer` for a while. */
  areTooMany(peer: string): boolean {
    return this.#buckets.has(peer) && this.#bucketOf(peer).tokens < 0
  }

  #bucketOf(peer: string): TokenBucket {
    const nowMs = this.#now()
    return refill(this.#buckets.get(peer) ?? fullBucket(RATE, nowMs), RATE, nowMs)
  }
}
