import { isIP } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { hostOf } from './tcp-place.ts'

/** An IP address, or a network of them: those that share its first bits. */
export interface IpNetwork {
  readonly family: 4 | 6
  /** 4 or 16; those behind the prefix are 0. */
  readonly bytes: Uint8Array
  /** Bits that count; all of them make it one address. */
  readonly prefix: number
}

/** `::ffff:0:0/96`: how an IPv4 address looks to an IPv6 socket. RFC 4291, section 2.5.5.2 */
const MAPPED_HEX = '00000000000000000000ffff'

/** Of an address or `address/prefix`; undefined where `text` is neither. Host bits are cleared. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const [, host = '', suffix] = /^([^/%]+)(?:%[^/]*)?(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(host)
  if (version !== 4 && version !== 6) return undefined
  // Behind the code of its kind.
  const bytes = multiaddr(`/ip${version}/${host}`).bytes.slice(1)
  const prefix = suffix === undefined ? bytes.length * 8 : Number(suffix)
  if (prefix > bytes.length * 8) return undefined
  const isMapped = prefix >= 96 && Buffer.from(bytes).toString('hex').startsWith(MAPPED_HEX)
  const network: IpNetwork = isMapped
    ? { family: 4, bytes: bytes.slice(12), prefix: prefix - 96 }
    : { family: version, bytes, prefix }
  return within(network, network.prefix)
}

/** The address of the host in `address`; undefined where that is a name, or the host is a relay on the way. */
export function ipOf(address: Multiaddr): IpNetwork | undefined {
  if (address.getComponents().some(({ name }) => name === 'p2p-circuit')) return undefined
  const host = hostOf(address)
  return host === undefined ? undefined : parseIpNetwork(host)
}

/** The network of `prefix` bits that holds `network`. */
export function within({ family, bytes }: IpNetwork, prefix: number): IpNetwork {
  const masked = bytes.map((byte, at) => {
    const kept = Math.min(8, Math.max(0, prefix - at * 8))
    return byte & (0xff << (8 - kept))
  })
  return { family, bytes: masked, prefix }
}

/** The same text for the same network, as one writes it: `192.0.2.0/24`, `2001:db8::1`. */
export function networkText({ family, bytes, prefix }: IpNetwork): string {
  const host = multiaddr(Buffer.concat([Buffer.of(family === 4 ? IP4_CODE : IP6_CODE), bytes]))
  const text = host.getComponents()[0]?.value ?? ''
  return prefix === bytes.length * 8 ? text : `${text}/${prefix}`
}

/** https://github.com/multiformats/multicodec/blob/master/table.csv */
const IP4_CODE = 0x04
const IP6_CODE = 0x29

/** Loopback, link-local and private networks, where all hosts of a household share a prefix. RFC 1918, 3927, 4193, 4291 */
const LOCAL_NETWORKS = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1',
  'fe80::/10',
  'fc00::/7',
].map(text => parseIpNetwork(text) as IpNetwork)

export function isLocal(network: IpNetwork): boolean {
  return LOCAL_NETWORKS.some(local => contains(local, network))
}

export function contains(outer: IpNetwork, inner: IpNetwork): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false
  return Buffer.compare(within(inner, outer.prefix).bytes, outer.bytes) === 0
}
