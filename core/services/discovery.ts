import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Token, token } from '../container.ts'

export type DiscoverySource = 'mdns' | 'bootstrap' | 'remembered' | 'exchange' | 'dht' | 'manual' | 'inbound'

/** What the discovery plugin lets others see. */
export interface Discovery {
  /** How a peer was found first, by its id as text; a way that makes a member takes the place of one that doesn't. */
  sourceOf(peer: string): DiscoverySource | undefined
  /**
   * Whether `peer` counts as one of our own. In a fleet the roster says it. Without one: met by mDNS, as a bootstrap peer or by
   * hand, now or before the last start, or introduced by such a one; nothing secret may rest on that.
   */
  isMember(peer: PeerId): boolean
  /** Takes in a peer that another part came across, to be dialed while too few are connected. */
  found(peer: PeerId, addresses: readonly Multiaddr[], source: 'dht'): void
}

export const Discovery: Token<Discovery> = token('discovery')
