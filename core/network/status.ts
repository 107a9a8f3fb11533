import type { Components } from './libp2p.ts'
import type { TrafficStatus } from './traffic.ts'

/** The network as it is now, for the snapshot of the node. Plain JSON. */
export interface NetworkStatus {
  /** What is listened on, an address for each interface. */
  readonly listening: readonly string[]
  /** What is told to others, with `/p2p/…`: announced by config, or listened on and reachable as far as known. */
  readonly announced: readonly string[]
  /** Addresses of this node that nobody here listens on: others saw them, or a router forwards them. */
  readonly observed: readonly ObservedAddress[]
  /** Whether only those connect who have the swarm key. */
  readonly isPrivate: boolean
  readonly connections: ConnectionCounts
  readonly traffic: TrafficStatus
  /** Dials under way or waiting for their turn. */
  readonly dials: { readonly queued: number }
  /** Connections closed since the start because there were too many. */
  readonly trimmed: number
  /** Peers, addresses and networks that may not connect. */
  readonly blocked: number
  /** Inbound connections refused since the start, by reason: see `refused_connections_total` of the metrics. */
  readonly refused: Readonly<Record<string, number>>
  /** What strangers could fill, and how far it is. */
  readonly load: NetworkLoad
}

export interface NetworkLoad {
  /** Inbound connections in the middle of a handshake. */
  readonly handshakes: number
  readonly maxHandshakes: number
  /** Open streams that peers have opened. */
  readonly peerStreams: number
  readonly maxPeerStreams: number
  /** Memory that connections hold for what isn't read or isn't taken, as counted last. */
  readonly heldBytes: number
  readonly maxHeldBytes: number
}

export interface ConnectionCounts {
  readonly inbound: number
  readonly outbound: number
  /** Of both: those through a relay. */
  readonly relayed: number
  /** What a trim leaves. */
  readonly low: number
  /** What starts one. */
  readonly high: number
}

export interface ObservedAddress {
  readonly address: string
  /** `observed`: a peer said so; `mapped`: a router forwards it; `named`: a DNS name stands for it. */
  readonly by: 'observed' | 'mapped' | 'named'
  /** Whether others reached it. Only such are announced. */
  readonly verified: boolean
  /** Wall clock, where it is or was verified. */
  readonly verifiedMs?: number
}

/** libp2p's kinds of addresses that nobody listens on here. */
const OBSERVED = { observed: 'observed', 'ip-mapping': 'mapped', 'dns-mapping': 'named' } as const

/** Adds what libp2p knows of addresses. */
export function readStatus({
  components: { addressManager, transportManager },
  ...counts
}: Omit<NetworkStatus, 'listening' | 'announced' | 'observed'> & {
  readonly components: Pick<Components, 'addressManager' | 'transportManager'>
}): NetworkStatus {
  const observed = addressManager
    .getAddressesWithMetadata()
    .flatMap(({ multiaddr, type, verified, lastVerified }) => {
      const by = Object.entries(OBSERVED).find(([name]) => name === type)?.[1]
      const seen = lastVerified !== undefined && { verifiedMs: lastVerified }
      return by ? [{ address: multiaddr.toString(), by, verified, ...seen }] : []
    })
  return {
    listening: transportManager.getAddrs().map(String),
    announced: addressManager.getAddresses().map(String),
    observed,
    ...counts,
  }
}
