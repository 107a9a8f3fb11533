import { fullBucket, type Rate, refill, type TokenBucket } from '../../../core/api.ts'

/** More than a node has connections. The one that spent longest ago is forgotten first. */
const MAX_PEERS = 1024

/** What each peer spends of something, which may come to owe: what can't be refused any more has to be waited for. */
export class PeerRates {
  readonly #rate: Rate
  readonly #now: () => number
  readonly #buckets = new Map<string, TokenBucket>()

  /** `now`: milliseconds of a monotonic clock. */
  constructor(rate: Rate, { now }: { readonly now: () => number }) {
    this.#rate = rate
    this.#now = now
  }

  spend(peer: string, amount: number): void {
    const bucket = this.#bucketOf(peer)
    this.#buckets.delete(peer)
    this.#buckets.set(peer, { ...bucket, tokens: bucket.tokens - amount })
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > MAX_PEERS && oldest !== undefined) this.#buckets.delete(oldest)
  }

  /** Milliseconds until `peer` owes nothing. */
  waitMs(peer: string): number {
    if (!this.#buckets.has(peer)) return 0
    const { tokens } = this.#bucketOf(peer)
    return tokens >= 0 ? 0 : Math.ceil((-tokens / this.#rate.perSecond) * 1000)
  }

  #bucketOf(peer: string): TokenBucket {
    const nowMs = this.#now()
    return refill(this.#buckets.get(peer) ?? fullBucket(this.#rate, nowMs), this.#rate, nowMs)
  }
}
