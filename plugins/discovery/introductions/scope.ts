import { isLoopback, isPrivate } from '@libp2p/utils'
import { CODE_P2P_CIRCUIT, type Multiaddr } from '@multiformats/multiaddr'

/**
 * How far an address reaches, and how near a peer is: the internet, the private networks, this machine. What is told to a
 * peer reaches as far as it is away, or further.
 */
export const SCOPES = ['public', 'private', 'machine'] as const
export type Scope = (typeof SCOPES)[number]

/** Of an address; of a relayed one: that of the relay. */
export function scopeOf(address: Multiaddr): Scope {
  if (isLoopback(address)) return 'machine'
  return isPrivate(address) ? 'private' : 'public'
}

/** Of a connection with that remote address. Who comes through a relay may come from anywhere. */
export function distanceOf(remote: Multiaddr): Scope {
  return remote.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT) ? 'public' : scopeOf(remote)
}

/** Whether what has the scope `inner` may be told where `outer` counts. */
export function isWithin(inner: Scope, outer: Scope): boolean {
  return SCOPES.indexOf(inner) <= SCOPES.indexOf(outer)
}

/** The nearest of them all; of none: public. */
export function nearest(scopes: Iterable<Scope>): Scope {
  let at = 0
  for (const scope of scopes) at = Math.max(at, SCOPES.indexOf(scope))
  return SCOPES[at] ?? 'public'
}
