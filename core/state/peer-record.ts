import type { EvidenceKind } from '../events.ts'
import { isLoopback } from '../network/loopback.ts'
import type { DiscoverySource } from '../services/discovery.ts'
import type { Pulse } from './liveness.ts'
import type { ConnectionFacts } from './peer-state.ts'

/** Peers choose what they tell of themselves; so much of it is kept. */
const MAX_ADDRESSES = 16
export const MAX_PROTOCOLS = 64
export const MAX_TEXT_CHARACTERS = 256

/** What outlasts a restart. */
export interface KeptPeer {
  /** Peer id as text. */
  readonly peer: string
  /** The higher, the later it was seen: boards have no clock. */
  rank: number
  /** Wall clock, as right as it was then; undefined: never connected. */
  lastSeenMs: number | undefined
  foundBy: DiscoverySource | undefined
  addresses: readonly string[]
  agent: string | undefined
  evidence: Readonly<Partial<Record<EvidenceKind, number>>>
}

/** One row of the peer table. */
export interface PeerRecord extends KeptPeer {
  connection: ConnectionFacts | undefined
  connectedMs: number | undefined
  /** The other end of the last connection of this run. */
  usedAddress: string | undefined
  pulse: Pulse
  /** While connected: what was told of it last. */
  isSuspect: boolean
  isOfThisRun: boolean
  failedDials: number
  protocols: readonly string[]
  bytesReceived: number
  bytesSent: number
}

/** Ways of finding a peer that make it a member, until there is a roster: whoever is near, configured or named by a user. */
const MEMBER_SOURCES: ReadonlySet<DiscoverySource> = new Set(['mdns', 'bootstrap', 'manual'])

/** How a peer was found, once it is found by `source` as well. `remembered` says nothing of how that came about. */
export function foundBy(
  before: DiscoverySource | undefined,
  source: DiscoverySource,
): DiscoverySource | undefined {
  if (source === 'remembered') return before
  if (before === undefined) return source
  return MEMBER_SOURCES.has(source) && !MEMBER_SOURCES.has(before) ? source : before
}

/** In the order in which unconnected, untagged peers leave a full table. */
export const STANDINGS = ['heard of', 'met', 'member'] as const

/** Index into {@link STANDINGS}. */
export function standingOf({ foundBy, lastSeenMs }: Pick<KeptPeer, 'foundBy' | 'lastSeenMs'>): number {
  if (lastSeenMs === undefined) return 0
  return foundBy !== undefined && MEMBER_SOURCES.has(foundBy) ? 2 : 1
}

/**
 * `addresses` without the peer's own id at their end, each once, the first ones kept: the one that was used, others of that
 * host, and loopback last. A peer that was reached from elsewhere has no loopback address that leads to it.
 */
export function boundedAddresses(peer: string, addresses: readonly string[], used?: string): string[] {
  const suffix = `/p2p/${peer}`
  const bare = addresses.map(address =>
    address.endsWith(suffix) ? address.slice(0, -suffix.length) : address,
  )
  // A cut address leads elsewhere.
  const isElsewhere = used !== undefined && !isLoopback(used)
  const usable = [...new Set(bare)].filter(address => fits(address) && !(isElsewhere && isLoopback(address)))
  const place = used?.endsWith(suffix) ? used.slice(0, -suffix.length) : used
  const rankOf = (address: string): number => {
    if (address === place) return 0
    if (place !== undefined && hostPart(address) === hostPart(place)) return 1
    return isLoopback(address) ? 3 : 2
  }
  return usable.sort((one, other) => rankOf(one) - rankOf(other)).slice(0, MAX_ADDRESSES)
}

/** `/ip4/192.0.2.1` of whatever begins so. */
function hostPart(address: string): string {
  return address.split('/', 3).join('/')
}

function fits(address: string): boolean {
  return address !== '' && address.length <= MAX_TEXT_CHARACTERS
}

export function bounded(texts: readonly string[], max: number): string[] {
  return texts.slice(0, max).map(text => text.slice(0, MAX_TEXT_CHARACTERS))
}
