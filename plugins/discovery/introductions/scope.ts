import { isLoopback, isPrivate } from '@libp2p/utils'
import { CODE_P2P_CIRCUIT, type Multiaddr } from '@multiformats/multiaddr'

/**
 * How far an address reaches, and how near a peer is: the internet, the private networks, this machine. What is told to a
 * peer reaches as far as it is away, or further.
 */
export const SCOPES = ['public', 'private', 'machine'] as const
export type Scope = (typeof SCOPES)[number]

/** Of an address, as of the remote address of a connection; what goes through a relay comes from anywhere. */
export function scopeOf(address: Multiaddr): Scope {
  if (address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)) return 'public'
  if (isLoopback(address)) return 'machine'
  return isPrivate(address) ? 'private' : 'public'
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
