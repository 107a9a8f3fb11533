import type { Multiaddr } from '@multiformats/multiaddr'
import { type IpNetwork, ipOf, isLocal, networkText, within } from './ip-network.ts'

/** What one customer of a provider has at least: 256 addresses of IPv4, 256 networks of IPv6. RFC 6177 */
const SUBNET_BITS = { 4: 24, 6: 56 } as const
/** One host: an address of IPv4, or a network of IPv6, as the host chooses the rest of it. RFC 4291, section 2.5.4 */
const HOST_BITS = { 4: 32, 6: 64 } as const

/** Where somebody comes from, at the two grains that are counted by. */
export interface Origin {
  readonly host: string
  /** Absent in a local network, whose hosts have nothing to do with each other. */
  readonly subnet?: string
}

export function originOf(address: IpNetwork): Origin {
  const host = networkText(within(address, HOST_BITS[address.family]))
  if (isLocal(address)) return { host }
  return { host, subnet: networkText(within(address, SUBNET_BITS[address.family])) }
}

/** Of whoever is at `address`; through a relay from wherever that is. */
export function originAt(address: Multiaddr): Origin {
  const ip = ipOf(address)
  return ip ? originOf(ip) : { host: address.toString() }
}

/** For each of `origins`, how many of them are of its network, and how many of its host. */
export function crowdsOf(origins: readonly Origin[]): (origin: Origin) => Crowd {
  const hosts = Map.groupBy(origins, ({ host }) => host)
  const subnets = Map.groupBy(origins, ({ host, subnet = host }) => subnet)
  return ({ host, subnet = host }) => [subnets.get(subnet)?.length ?? 0, hosts.get(host)?.length ?? 0]
}

/** How many there are from one's network, and from one's host. */
export type Crowd = readonly [subnet: number, host: number]

/** Above zero where the first is the larger crowd. */
export function compareCrowds([subnet, host]: Crowd, [otherSubnet, otherHost]: Crowd): number {
  return subnet - otherSubnet || host - otherHost
}

/** A connection that isn't agreed on yet. */
export interface Handshake {
  readonly origin: Origin
  readonly sinceMs: number
}

export interface HandshakeLimits {
  /** Handshakes at a time. */
  readonly max: number
  /** One that is older may be cut for whoever comes; an honest one is done by then, unless the board is very slow. */
  readonly graceMs: number
}

/**
 * Which of the handshakes under way makes room for one more from `origin`: `none` has to, where there is room; the one that is
 * cut; or undefined, where the newcomer is refused. It is taken from the network, and there from the host, that has most of
 * them; of these the oldest goes. So whoever holds many at once loses them, and not those who come after.
 */
export function makeRoom<T extends Handshake>(
  handshakes: Iterable<T>,
  origin: Origin,
  nowMs: number,
  { max, graceMs }: HandshakeLimits,
): T | 'none' | undefined {
  const all = [...handshakes]
  if (all.length < max) return 'none'
  const crowdOf = crowdsOf(all.map(({ origin }) => origin))
  let victim: { readonly handshake: T; readonly crowd: Crowd } | undefined
  for (const handshake of all) {
    const crowd = crowdOf(handshake.origin)
    const isWorse = !victim || compareCrowds(crowd, victim.crowd) > 0
    const isOlder =
      victim && compareCrowds(crowd, victim.crowd) === 0 && handshake.sinceMs < victim.handshake.sinceMs
    if (isWorse || isOlder) victim = { handshake, crowd }
  }
  if (!victim) return undefined
  const [subnet, host] = crowdOf(origin)
  // With the newcomer its own crowd is one larger.
  const isLessCrowded = compareCrowds([subnet + 1, host + 1], victim.crowd) < 0
  return isLessCrowded || nowMs - victim.handshake.sinceMs >= graceMs ? victim.handshake : undefined
}
