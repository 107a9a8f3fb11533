import { originOf } from '../../network/handshakes.ts'
import { parseIpNetwork } from '../../network/ip-network.ts'

/** Names the host behind the address of a socket, for what is counted by host. */
export function clientHost(address: string | undefined): string {
  const ip = address === undefined ? undefined : parseIpNetwork(address)
  return ip ? originOf(ip).host : 'unknown'
}
