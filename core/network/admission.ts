import type { Protocol } from './protocols.ts'
import { type Bucket, fullBucket, type Rate, refill, takeToken } from './token-bucket.ts'

/**
 * Peers remembered per protocol. Connections are bounded far below; what is left over are peers that went. The longest
 * quiet one without a stream leaves first.
 */
export const MAX_TRACKED_PEERS = 1024

/** Bursts are twice the average rate, and always let one stream in. */
const BURST_FACTOR = 2

export type Refusal = 'streams' | 'rate'

interface Usage {
  open: number
  bucket: Bucket
}

/** Who may open another inbound stream of one protocol. Pure but for what it counts. */
export class Admission {
  readonly #maxStreamsPerPeer: number
  readonly #rate: Rate
  readonly #clock: () => number
  /** In order of last use. */
  readonly #peers = new Map<string, Usage>()

  constructor(
    { maxStreamsPerPeer, streamsPerSecond }: Pick<Protocol, 'maxStreamsPerPeer' | 'streamsPerSecond'>,
    { clock }: { clock: () => number },
  ) {
    this.#maxStreamsPerPeer = maxStreamsPerPeer
    this.#rate = { perSecond: streamsPerSecond, burst: Math.max(1, streamsPerSecond * BURST_FACTOR) }
    this.#clock = clock
  }

  /** Streams open now, over all peers. */
  get open(): number {
    let open = 0
    for (const usage of this.#peers.values()) open += usage.open
    return open
  }

  get tracked(): number {
    return this.#peers.size
  }

  /** Counts a stream in, or says why not. Whoever was let in calls `leave` once. */
  enter(peer: string): Refusal | undefined {
    const nowMs = this.#clock()
    const usage = this.#peers.get(peer) ?? { open: 0, bucket: fullBucket(this.#rate, nowMs) }
    this.#peers.delete(peer)
    this.#forgetQuiet(nowMs)
    this.#peers.set(peer, usage)
    if (usage.open >= this.#maxStreamsPerPeer) return 'streams'
    const bucket = takeToken(usage.bucket, this.#rate, nowMs)
    if (!bucket) return 'rate'
    usage.bucket = bucket
    usage.open++
    return undefined
  }

  leave(peer: string): void {
    const usage = this.#peers.get(peer)
    if (usage) usage.open--
  }

  /** From the least recently used on: those that owe nothing, and those beyond the bound. */
  #forgetQuiet(nowMs: number): void {
    for (const [peer, { open, bucket }] of this.#peers) {
      if (open > 0) continue
      const refilled = refill(bucket, this.#rate, nowMs).tokens >= this.#rate.burst
      if (!refilled && this.#peers.size < MAX_TRACKED_PEERS) return
      this.#peers.delete(peer)
    }
  }
}
