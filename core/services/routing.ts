import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'

/** What told of a provider, in the order of what asking costs. */
export type ProviderSource = 'members' | 'dht' | 'delegated'

export interface Provider {
  readonly peer: PeerId
  /** Without `/p2p`; empty where they are known to the network already, or to nobody. */
  readonly addresses: readonly Multiaddr[]
  readonly source: ProviderSource
}

export interface FindProvidersOptions extends WaitOptions {
  /**
   * Providers after which costlier ways of asking are not begun any more; those under way go on. By default what the
   * configuration says. `Infinity` asks in every way there is.
   */
  readonly enough?: number
}

/** Finds who has content and where peers are, and tells others what this node has. */
export interface Routing {
  /**
   * Those that may have the block, each once, the best first as far as that is known at the time. Costly ways of asking
   * begin only while cheap ones have found too little. Ends when nobody is left to ask, or where the reader stops.
   */
  findProviders(cid: CID, options?: FindProvidersOptions): AsyncIterable<Provider>
  /** Where a peer may be dialed, without `/p2p`. Empty where nobody knows. */
  findPeer(peer: PeerId, options?: WaitOptions): Promise<readonly Multiaddr[]>
}

export const Routing: Token<Routing> = token('routing')
