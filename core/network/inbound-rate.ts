import { originOf } from './handshakes.ts'
import type { IpNetwork } from './ip-network.ts'
import { type Bucket, fullBucket, type Rate, refill, takeToken } from './token-bucket.ts'

/** Hosts, and networks, remembered; the one quiet for longest leaves first, and only then may come anew with a full measure. */
export const MAX_TRACKED = 1024

export interface InboundRateOptions {
  /** Connections a second that one host may begin: an address of IPv4, a /64 of IPv6. */
  readonly perHost: number
  /** Those that the hosts of one network of the internet may begin, together. */
  readonly perSubnet: number
}

export interface InboundRateDependencies {
  /** Monotonic. */
  nowMs(): number
}

/**
 * Bounds how fast each host connects, and all hosts of one network of the internet together: one who has many addresses is one.
 * Of local networks hosts alone are counted: a household's boards all come back at once after a power cut.
 */
export class InboundRate {
  readonly #hosts: KeyedRate
  readonly #subnets: KeyedRate
  readonly #deps: InboundRateDependencies

  constructor({ perHost, perSubnet }: InboundRateOptions, deps: InboundRateDependencies) {
    this.#hosts = new KeyedRate(perHost)
    this.#subnets = new KeyedRate(perSubnet)
    this.#deps = deps
  }

  get tracked(): { readonly hosts: number; readonly subnets: number } {
    return { hosts: this.#hosts.tracked, subnets: this.#subnets.tracked }
  }

  /** Counts a connection from `address`; false where it is one too many. */
  admits(address: IpNetwork): boolean {
    const nowMs = this.#deps.nowMs()
    const { host, subnet } = originOf(address)
    if (!this.#hosts.take(host, nowMs)) return false
    return subnet === undefined || this.#subnets.take(subnet, nowMs)
  }
}

/** A bucket for each name. */
class KeyedRate {
  readonly #rate: Rate
  /** In order of last use. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(perSecond: number) {
    this.#rate = { perSecond, burst: perSecond }
  }

  get tracked(): number {
    return this.#buckets.size
  }

  take(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? fullBucket(this.#rate, nowMs)
    const left = takeToken(bucket, this.#rate, nowMs)
    this.#buckets.delete(key)
    this.#forgetQuiet(nowMs)
    this.#buckets.set(key, left ?? refill(bucket, this.#rate, nowMs))
    return left !== undefined
  }

  #forgetQuiet(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) {
      const isFull = refill(bucket, this.#rate, nowMs).tokens >= this.#rate.burst
      if (!isFull && this.#buckets.size < MAX_TRACKED) return
      this.#buckets.delete(key)
    }
  }
}
