import type { GateRule } from './gate.ts'
import { type IpNetwork, ipOf, isLocal, networkText, within } from './ip-network.ts'
import { type Bucket, fullBucket, type Rate, refill, takeToken } from './token-bucket.ts'

/** What one customer of a provider has at least: 256 addresses of IPv4, 256 networks of IPv6. RFC 6177 */
const SUBNET_BITS = { 4: 24, 6: 56 } as const
/** Networks remembered; the one quiet for longest leaves first, and only then may come anew with a full measure. */
export const MAX_TRACKED_SUBNETS = 1024

export interface InboundRateDependencies {
  /** Monotonic. */
  nowMs(): number
  onRefuse(): void
}

/**
 * Bounds how fast the hosts of one network of the internet connect, together: one who has many addresses is one. libp2p
 * bounds each host. Local networks are left out: a household's boards all come back at once after a power cut.
 */
export class InboundRate {
  readonly #rate: Rate
  readonly #deps: InboundRateDependencies
  /** In order of last use. */
  readonly #subnets = new Map<string, Bucket>()

  constructor({ perSecond }: { readonly perSecond: number }, deps: InboundRateDependencies) {
    this.#rate = { perSecond, burst: perSecond }
    this.#deps = deps
  }

  readonly rule: GateRule = {
    denyInboundConnection: ({ remoteAddr }) => {
      const host = ipOf(remoteAddr)
      if (!host || this.admits(host)) return false
      this.#deps.onRefuse()
      return true
    },
  }

  get tracked(): number {
    return this.#subnets.size
  }

  /** Counts a connection from `host`; false where it is one too many. */
  admits(host: IpNetwork): boolean {
    if (isLocal(host)) return true
    const subnet = networkText(within(host, SUBNET_BITS[host.family]))
    const nowMs = this.#deps.nowMs()
    const bucket = this.#subnets.get(subnet) ?? fullBucket(this.#rate, nowMs)
    const left = takeToken(bucket, this.#rate, nowMs)
    this.#subnets.delete(subnet)
    this.#forgetQuiet(nowMs)
    this.#subnets.set(subnet, left ?? refill(bucket, this.#rate, nowMs))
    return left !== undefined
  }

  #forgetQuiet(nowMs: number): void {
    for (const [subnet, bucket] of this.#subnets) {
      const isFull = refill(bucket, this.#rate, nowMs).tokens >= this.#rate.burst
      if (!isFull && this.#subnets.size < MAX_TRACKED_SUBNETS) return
      this.#subnets.delete(subnet)
    }
  }
}
