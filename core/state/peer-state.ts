import type { PeerId } from '@libp2p/interface'
import { type Token, token } from '../container.ts'
import type { EvidenceKind } from '../events.ts'

export type Liveness = 'connected' | 'reachable' | 'suspect' | 'down'

/** What is known of one peer, as plain JSON. */
export interface PeerSummary {
  readonly peer: string
  readonly liveness: Liveness
  readonly direction?: 'inbound' | 'outbound'
  readonly addresses: readonly string[]
  readonly agent?: string
  readonly protocols: readonly string[]
  readonly encryption?: string
  readonly latencyMs?: number
  readonly connectedMs?: number
  readonly lastSeenMs: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Counts by kind; absent kinds are 0. */
  readonly evidence: Readonly<Partial<Record<EvidenceKind, number>>>
}

/** The bounded table of peers this node has met: least recently seen, unconnected peers leave first. */
export interface Peers {
  list(): PeerSummary[]
  get(peer: PeerId): PeerSummary | undefined
  /** First-hand evidence against a peer: counted here, and emitted as `peer:evidence`. */
  report(peer: PeerId, kind: EvidenceKind, detail: string): void
  /** Payload bytes of content exchanged with a peer. */
  countBytes(peer: PeerId, direction: 'received' | 'sent', bytes: number): void
}

export const Peers: Token<Peers> = token('peers')
