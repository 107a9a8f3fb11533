import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Where to connect to, as Node takes it. */
export interface TcpPlace {
  readonly host: string
  readonly port: number
}

const HOSTS = ['ip4', 'ip6', 'dns', 'dns4', 'dns6']

/** A connection from socket to socket: TCP, no relay in between. */
export function isDirect({ status, limits, encryption, remoteAddr }: Connection): boolean {
  return status === 'open' && !limits && encryption === '/tls/1.0.0' && portOf(remoteAddr) !== undefined
}

/** Address or name of the host, with the zone of a link-local one. */
export function hostOf(address: Multiaddr): string | undefined {
  const components = address.getComponents()
  const host = components.find(({ name }) => HOSTS.includes(name))?.value
  const zone = components.find(({ name }) => name === 'ip6zone')?.value
  return host && zone ? `${host}%${zone}` : host
}

/** Where the peer of `connection` listens: where we dialled it, or at `ports` of the host that dialled us. */
export function placesOf({ direction, remoteAddr }: Connection, ports: readonly number[]): TcpPlace[] {
  const host = hostOf(remoteAddr)
  const port = portOf(remoteAddr)
  if (!host || !port) return []
  return direction === 'outbound' ? [{ host, port }] : ports.map(port => ({ host, port }))
}

/** The TCP port, of an address that is nothing but TCP. */
export function portOf(address: Multiaddr): number | undefined {
  const components = address.getComponents()
  const at = components.findIndex(({ name }) => name === 'tcp')
  // What follows but the peer is another protocol on top: WebSocket, a relay.
  const onTop = components.slice(at + 1).some(({ name }) => name !== 'p2p')
  return at === -1 || onTop ? undefined : Number(components[at]?.value)
}
