import { isPrivate } from '@libp2p/utils'
import { CODE_P2P_CIRCUIT, type Multiaddr } from '@multiformats/multiaddr'
import type { DhtConfig } from '../config.ts'

/** Whether others of the network can dial this address: of a fleet those beside it count, of `amino` all do. */
export function isReachable(address: Multiaddr, network: DhtConfig['network']): boolean {
  if (address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)) return false
  return network === 'fleet' || !isPrivate(address)
}

/** Who can't be dialed, or only through a relay, would make the look-ups of others slow: it asks and doesn't answer. */
export function modeFor(
  { mode, network }: Pick<DhtConfig, 'mode' | 'network'>,
  addresses: readonly Multiaddr[],
): 'client' | 'server' {
  if (mode !== 'auto') return mode
  return addresses.some(address => isReachable(address, network)) ? 'server' : 'client'
}
