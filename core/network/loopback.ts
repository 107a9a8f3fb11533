import type { Connection, PeerId } from '@libp2p/interface'
import type { GateRule } from './gate.ts'

/** Whether `address`, a multiaddr as text, leads to the machine of whoever dials it, or begins there. */
export function isLoopback(address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/::1(\/|$)/.test(address)
}

/** Peers tell their loopback addresses to everybody, which are of use on their own machine alone. libp2p keeps none elsewhere. */
export function loopbackRule(connectionsTo: (peer: PeerId) => readonly Connection[]): GateRule {
  return {
    filterMultiaddrForPeer(peer, address) {
      if (!isLoopback(address.toString())) return true
      const connections = connectionsTo(peer)
      return (
        connections.length === 0 || connections.some(({ remoteAddr }) => isLoopback(remoteAddr.toString()))
      )
    },
  }
}
