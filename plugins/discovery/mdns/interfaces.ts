import { BlockList } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'

/** One network of this machine that neighbours may be on. */
export interface MulticastInterface {
  readonly name: string
  /** Its first IPv4 address, which names it to the socket and is where its packets come from. */
  readonly address: string
  readonly isLoopback: boolean
}

/** Networks searched at a time: a board has two or three; a machine with a bridge for each container has dozens. */
const MAX_INTERFACES = 8

/** Those that are up, in the order of the system; loopback alone where there is no other. */
export function multicastInterfaces(
  all: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): MulticastInterface[] {
  const found = Object.entries(all).flatMap(([name, infos = []]) => {
    const info = infos.find(({ family }) => family === 'IPv4')
    return info ? [{ name, address: info.address, isLoopback: info.internal }] : []
  })
  const outward = found.filter(({ isLoopback }) => !isLoopback)
  return (outward.length > 0 ? outward : found).slice(0, MAX_INTERFACES)
}

/** No router passes these on. RFC 3927, section 2.6.2 */
const LINK_LOCAL = '169.254.0.0/16'

/**
 * The networks that this machine is on. What comes from elsewhere was sent to it alone, and is none of a neighbour's: RFC 6762,
 * section 11.
 */
export function linksOf(all: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces()): BlockList {
  const links = new BlockList()
  const infos = Object.values(all).flatMap((infos = []) => infos)
  const networks = infos.flatMap(({ family, cidr }) => (family === 'IPv4' && cidr ? [cidr] : []))
  for (const network of [...networks, LINK_LOCAL]) {
    const [address = '', prefix] = network.split('/')
    links.addSubnet(address, Number(prefix))
  }
  return links
}
