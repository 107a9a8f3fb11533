import { BlockList, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import type { Multiaddr } from '@multiformats/multiaddr'

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** Loopback, private, link-local and unique local: RFC 1122, 1918, 3927, 4193, 4291. */
const LOCAL_RANGES = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16']
const LOCAL_RANGES_V6 = ['::1/128', 'fe80::/10', 'fc00::/7']

/** A network this large isn't somebody's home, whatever an interface (a VPN with a default route) says. */
const MIN_PREFIX = 8
const MIN_PREFIX_V6 = 32

const localRanges = blockListOf([...LOCAL_RANGES, ...LOCAL_RANGES_V6])

/** True where `address` is of the local network: one of its ranges, or the subnet of one of `interfaces`. Relays never are. */
export function isLocalAddress(address: Multiaddr, interfaces: () => Interfaces): boolean {
  const components = address.getComponents()
  if (components.some(({ name }) => name === 'p2p-circuit')) return false
  const host = components.find(({ name }) => name === 'ip4' || name === 'ip6')?.value
  if (host === undefined) return false
  return contains(localRanges, host) || contains(subnetsOf(interfaces()), host)
}

function contains(list: BlockList, host: string): boolean {
  return list.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}

function subnetsOf(interfaces: Interfaces): BlockList {
  const networks = Object.values(interfaces).flatMap(addresses => addresses ?? [])
  return blockListOf(networks.flatMap(({ cidr }) => cidr ?? []).filter(isOneSite))
}

function isOneSite(cidr: string): boolean {
  return prefixOf(cidr) >= (cidr.includes(':') ? MIN_PREFIX_V6 : MIN_PREFIX)
}

function blockListOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network = ''] = cidr.split('/')
    list.addSubnet(network, prefixOf(cidr), isIPv6(network) ? 'ipv6' : 'ipv4')
  }
  return list
}

function prefixOf(cidr: string): number {
  return Number(cidr.split('/')[1])
}
