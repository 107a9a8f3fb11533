import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Token, token } from '../container.ts'
import type { EvidenceKind } from '../events.ts'
import type { DiscoverySource } from '../services/discovery.ts'
import type { Liveness, Pulse } from './liveness.ts'

/** What is known of one peer, as plain JSON. */
export interface PeerSummary {
  readonly peer: string
  readonly liveness: Liveness
  /** How it was found first; a way that makes a member takes the place of one that doesn't. Absent where nobody said. */
  readonly foundBy?: DiscoverySource
  /** Of the connection; absent without one. */
  readonly direction?: 'inbound' | 'outbound'
  /** True while all that goes to it goes through a relay. */
  readonly isRelayed?: boolean
  /** The other end of the connection. */
  readonly remoteAddress?: string
  /** Where it may be dialed, without `/p2p`: where it was reached last, then the last found first, loopback last. */
  readonly addresses: readonly string[]
  readonly agent?: string
  readonly protocols: readonly string[]
  readonly encryption?: string
  readonly latencyMs?: number
  readonly connectedMs?: number
  /** Wall clock, as right as it was then. Absent where it was never connected. */
  readonly lastSeenMs?: number
  /** Payload of content since the node started. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Counts by kind; absent kinds are 0. */
  readonly evidence: Readonly<Partial<Record<EvidenceKind, number>>>
  /** What a user said it is worth, from 1 to 100, by the tag's name. */
  readonly tags: Readonly<Record<string, number>>
}

export interface RememberedPeer {
  readonly peer: PeerId
  /** Without `/p2p`; at least one. */
  readonly addresses: readonly Multiaddr[]
  readonly foundBy: DiscoverySource | undefined
}

/**
 * The bounded table of peers this node has met or heard of. Peers that were connected once, or that a user tagged, outlast
 * a restart. Where it is full the least recently seen of these leaves first: those never connected, then those connected
 * once, members last. Who is connected or tagged stays; and nobody of a better kind leaves for one merely heard of.
 */
export interface Peers {
  list(): PeerSummary[]
  get(peer: PeerId): PeerSummary | undefined
  /** First-hand evidence against a peer: counted here, and emitted as `peer:evidence`. */
  report(peer: PeerId, kind: EvidenceKind, detail: string): void
  /** Payload bytes of content exchanged with a peer. Bytes received show that it is alive. */
  countBytes(peer: PeerId, direction: 'received' | 'sent', bytes: number): void
  /** It has answered to something, whatever that was: it is alive. */
  answered(peer: PeerId): void
  /**
   * Somebody told of a peer and where it may be dialed; up to 16 addresses are kept, with or without `/p2p` given. True where it
   * is new to the table, false where it was known or there is no room for it.
   */
  found(peer: PeerId, source: DiscoverySource, addresses: readonly Multiaddr[]): boolean
  /** Peers that were connected once and have an address, also in earlier runs; the most recently seen first. */
  remembered(): RememberedPeer[]
  /**
   * What a user says that a peer is worth, from 1 to 100; durable once it resolves. A peer that isn't known yet joins the table.
   * @throws SkepError TAG_INVALID, TAGS_FULL, and those of the storage
   */
  tag(peer: PeerId, name: string, value: number): Promise<void>
  /** Takes a tag away, or all without `name`; durable once it resolves. False where there is none such. */
  untag(peer: PeerId, name?: string): Promise<boolean>
  /** Drops all that is known of a peer but its tags. False where it isn't known, or is connected: hang up first. */
  forget(peer: PeerId): boolean
}

export const Peers: Token<Peers> = token('peers')

/** What the network tells of a connection. */
export interface ConnectionFacts {
  readonly direction: 'inbound' | 'outbound'
  readonly encryption?: string
  readonly address: string
  /** Through a relay. */
  readonly isRelayed?: boolean
}

export interface IdentifyFacts {
  readonly agent?: string
  readonly protocols: readonly string[]
  readonly addresses: readonly string[]
}

/** The table, with the side that the network feeds. */
export interface PeerTable extends Peers {
  /** A connection opened; `facts` are those of the one that is used first. */
  connected(peer: PeerId, facts: ConnectionFacts): void
  /** Of the connections that are open, another one is used first now. */
  rerouted(peer: PeerId, facts: ConnectionFacts): void
  /** The last connection closed. */
  disconnected(peer: PeerId): void
  identified(peer: PeerId, facts: IdentifyFacts): void
  /** A dial failed. Of a peer that isn't in the table, nothing is kept. */
  unreachable(peer: PeerId): void
  /** A question went to a connected peer: from now on its silence tells something. */
  asked(peer: PeerId): void
  /** When a peer was heard, and whether it owes an answer; undefined where it isn't connected. */
  pulseOf(peer: PeerId): Pulse | undefined
  /** Tells of connected peers that went silent, and of those that answer again: `peer:liveness`. */
  review(): void
  /** It answered to that question. Anything else that is heard of it answers as well, but tells no time. */
  roundTrip(peer: PeerId, milliseconds: number): void
}
