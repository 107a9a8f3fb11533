import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'
import type { Channel } from './framing.ts'
import type { GateRule } from './gate.ts'
import type { Protocol } from './protocols.ts'

/**
 * The network as plugins see it. All of a plugin's handlers, gate rules and attachments go with it when it stops.
 */
export interface NetworkPort {
  readonly self: PeerId
  /** Whether this network is a private one, of those alone who have its key: nothing of the public one is in reach. */
  readonly isPrivate: boolean
  /** Addresses that others can dial, with `/p2p/…`. */
  addresses(): Multiaddr[]
  /** All, or those to `peer` that are open, the one to use first. */
  connections(peer?: PeerId): Connection[]
  /** Peers with at least one open connection; each once. */
  connectedPeers(): PeerId[]
  /** Protocols `peer` said it speaks (identify), or undefined where it hasn't said yet. */
  protocolsOf(peer: PeerId): Promise<string[] | undefined>
  /**
   * Connects, or returns the connection that is there.
   * @throws SkepError DIAL_FAILED, naming each address and why
   */
  dial(peer: PeerId | Multiaddr | Multiaddr[], options?: WaitOptions): Promise<Connection>
  /**
   * What a connection to `peer` is worth to the caller, from 0 (nothing, the default) to 100. Of too many connections those
   * worth least over all callers go first; peers worth 50 and more stay as long as there is room for all of them. What a plugin
   * said goes with it when it stops.
   */
  value(peer: PeerId, reason: string, worth: number): void
  hangUp(peer: PeerId, options?: WaitOptions): Promise<void>
  /**
   * Asks all connected peers at once whether they are there; connections on which no answer comes within seconds are cut. For
   * whoever has reason to doubt the way to many: TCP alone may sit out a minute after it is back.
   */
  check(): void
  /** Round trip time in milliseconds. @throws SkepError PEER_TIMEOUT, DIAL_FAILED */
  ping(peer: PeerId, options?: WaitOptions): Promise<number>
  /** Answers inbound streams of `protocol` within its limits; what exceeds them is reset and charged to the peer. */
  handle(protocol: Protocol, handler: (channel: Channel) => Promise<void>): Promise<void>
  /**
   * Opens a stream to `peer`.
   * @throws SkepError PROTOCOL_UNSUPPORTED, DIAL_FAILED, PEER_TIMEOUT
   */
  open(peer: PeerId, protocol: Protocol, options?: WaitOptions): Promise<Channel>
  /**
   * A TCP connection of its own to `peer` for one stream of `protocol`: bulk data goes through it with less than half the
   * work. Takes some round trips and a handshake, so it pays from megabytes on. It ends with the connection to the peer.
   * @throws SkepError LANE_UNAVAILABLE: then a stream has to do
   */
  openLane(peer: PeerId, protocol: Protocol, options?: WaitOptions): Promise<Channel>
  /**
   * Has `rule` asked about each new connection, beside all others; each may deny it. Those that are open stay so: hang up
   * where they should not. Returns the function that takes the rule away. What it refuses is counted by `reason`, a word; by
   * default the plugin's name.
   */
  gate(rule: GateRule, reason?: string): () => void
  /**
   * Adds a libp2p service (discovery, kad-dht, autonat, …) to the live node and starts it. What a `PeerDiscovery` finds
   * goes to the peer store and to `onPeer`. Given at `createLibp2p` instead, a service that throws would kill the node.
   * `factory` is what libp2p's packages make: each declares just the components it uses, hence `never`.
   */
  attach<T extends object>(
    name: string,
    factory: (components: never) => T,
    options?: AttachOptions,
  ): Promise<T>
  detach(name: string): Promise<void>
}

export interface AttachOptions {
  onPeer?(peer: PeerId, addresses: Multiaddr[]): void
}

export const Network: Token<NetworkPort> = token('network')
