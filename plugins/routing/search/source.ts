import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import type { ProviderSource } from '../../../core/api.ts'

/** A peer, and where it may be dialed. */
export interface FoundPeer {
  readonly peer: PeerId
  readonly addresses: readonly Multiaddr[]
}

/** One way of asking who has content, and where peers are. */
export interface Source {
  readonly name: ProviderSource
  /** How long it waits for cheaper ones. */
  readonly delayMs: number
  /** False where there is nobody to ask. */
  readonly isReady: boolean
  /** Ends by itself; breaking off early, or `signal`, ends the work behind it. */
  findProviders(cid: CID, signal: AbortSignal): AsyncIterable<FoundPeer>
  /** Resolves with no addresses where nobody knows. */
  findPeer?(peer: PeerId, signal: AbortSignal): Promise<readonly Multiaddr[]>
}
