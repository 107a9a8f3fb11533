import { networkText, parseIpNetwork, within } from '../../network/ip-network.ts'

/** What one host has at least: an address of IPv4, a network of IPv6 (RFC 4291, section 2.5.1). */
const HOST_BITS = { 4: 32, 6: 64 } as const

/** Names the host behind the address of a socket, for what is counted by host. */
export function clientHost(address: string | undefined): string {
  const ip = address === undefined ? undefined : parseIpNetwork(address)
  return ip ? networkText(within(ip, HOST_BITS[ip.family])) : 'unknown'
}
