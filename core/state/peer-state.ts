import type { PeerId } from '@libp2p/interface'
import { type Token, token } from '../container.ts'
import type { Events, EvidenceKind } from '../events.ts'

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

/** What the network tells of a new connection. */
export interface ConnectionFacts {
  readonly direction: 'inbound' | 'outbound'
  readonly encryption?: string
  readonly address: string
  /** The last measured round trip, if there is one. */
  latencyMs(): number | undefined
}

export interface IdentifyFacts {
  readonly agent?: string
  readonly protocols: readonly string[]
  readonly addresses: readonly string[]
}

/** The table, with the side that the network feeds. */
export interface PeerTable extends Peers {
  /** A connection opened; the last one's facts count. */
  connected(peer: PeerId, facts: ConnectionFacts): void
  /** The last connection closed. */
  disconnected(peer: PeerId): void
  identified(peer: PeerId, facts: IdentifyFacts): void
  /** A dial failed. Of a peer that isn't in the table, nothing is kept. */
  unreachable(peer: PeerId): void
}

export interface PeerTableOptions {
  /** Connected peers are always kept, so the connection limit bounds what goes beyond. */
  readonly maxPeers: number
}

export interface PeerTableDependencies {
  readonly events: Events
  /** Wall clock, in milliseconds. */
  clock?(): number
}

/** A peer unseen for so long may well have gone: two hours outlast a reboot and an update. */
const SUSPECT_AFTER_MS = 2 * 60 * 60 * 1000
/** And after a day it has. */
const DOWN_AFTER_MS = 24 * 60 * 60 * 1000
/** Dials in a row that failed. One can be chance. */
const DOWN_AFTER_FAILURES = 3
/** Peers choose what they tell of themselves; so much of it is kept. */
const MAX_ADDRESSES = 16
const MAX_PROTOCOLS = 64
const MAX_TEXT_CHARACTERS = 256

/** What liveness depends on. */
export interface Sightings {
  readonly connected: boolean
  readonly lastSeenMs: number
  /** Failed dials since it was last seen. */
  readonly failedDials: number
}

/**
 * `connected`: a connection is open. `reachable`: seen lately, and no dial has failed since. `suspect`: a dial failed, or
 * it wasn't seen for two hours. `down`: three dials in a row failed, or it wasn't seen for a day.
 */
export function livenessOf({ connected, lastSeenMs, failedDials }: Sightings, nowMs: number): Liveness {
  if (connected) return 'connected'
  const unseenMs = nowMs - lastSeenMs
  if (failedDials >= DOWN_AFTER_FAILURES || unseenMs >= DOWN_AFTER_MS) return 'down'
  return failedDials > 0 || unseenMs >= SUSPECT_AFTER_MS ? 'suspect' : 'reachable'
}

interface PeerRecord {
  readonly peer: string
  connection: ConnectionFacts | undefined
  connectedMs: number | undefined
  lastSeenMs: number
  failedDials: number
  addresses: readonly string[]
  agent: string | undefined
  protocols: readonly string[]
  bytesReceived: number
  bytesSent: number
  readonly evidence: Partial<Record<EvidenceKind, number>>
}

export function createPeers({ maxPeers }: PeerTableOptions, deps: PeerTableDependencies): PeerTable {
  const { events, clock = Date.now } = deps
  /** Least recently seen first. */
  const table = new Map<string, PeerRecord>()

  const makeRoom = (): void => {
    if (table.size < maxPeers) return
    for (const [key, record] of table) {
      if (record.connection) continue
      table.delete(key)
      if (table.size < maxPeers) return
    }
  }

  const seen = (peer: PeerId): PeerRecord => {
    const key = peer.toString()
    const record = table.get(key) ?? emptyRecord(key)
    table.delete(key)
    makeRoom()
    table.set(key, record)
    record.lastSeenMs = clock()
    return record
  }

  return {
    list: () => [...table.values()].map(record => summaryOf(record, clock())),
    get(peer) {
      const record = table.get(peer.toString())
      return record && summaryOf(record, clock())
    },
    report(peer, kind, detail) {
      const record = seen(peer)
      record.evidence[kind] = (record.evidence[kind] ?? 0) + 1
      events.emit('peer:evidence', { peer, kind, detail })
    },
    countBytes(peer, direction, bytes) {
      const record = seen(peer)
      if (direction === 'received') record.bytesReceived += bytes
      else record.bytesSent += bytes
    },
    connected(peer, facts) {
      const record = seen(peer)
      const isNew = record.connection === undefined
      record.connection = facts
      record.failedDials = 0
      if (record.addresses.length === 0) record.addresses = [facts.address]
      if (!isNew) return
      record.connectedMs = clock()
      events.emit('peer:connected', { peer })
    },
    disconnected(peer) {
      const record = table.get(peer.toString())
      if (!record?.connection) return
      seen(peer)
      record.connection = undefined
      record.connectedMs = undefined
      events.emit('peer:disconnected', { peer })
    },
    identified(peer, { agent, protocols, addresses }) {
      const record = seen(peer)
      record.agent = agent?.slice(0, MAX_TEXT_CHARACTERS)
      record.protocols = bounded(protocols, MAX_PROTOCOLS)
      if (addresses.length > 0) record.addresses = bounded(addresses, MAX_ADDRESSES)
    },
    unreachable(peer) {
      const record = table.get(peer.toString())
      if (record && !record.connection) record.failedDials++
    },
  }
}

function emptyRecord(peer: string): PeerRecord {
  return {
    peer,
    connection: undefined,
    connectedMs: undefined,
    lastSeenMs: 0,
    failedDials: 0,
    addresses: [],
    agent: undefined,
    protocols: [],
    bytesReceived: 0,
    bytesSent: 0,
    evidence: {},
  }
}

function bounded(texts: readonly string[], max: number): string[] {
  return texts.slice(0, max).map(text => text.slice(0, MAX_TEXT_CHARACTERS))
}

function summaryOf(record: PeerRecord, nowMs: number): PeerSummary {
  const { connection, connectedMs } = record
  const latencyMs = connection?.latencyMs()
  return {
    peer: record.peer,
    liveness: livenessOf({ ...record, connected: connection !== undefined }, nowMs),
    ...(connection && { direction: connection.direction }),
    addresses: record.addresses,
    ...(record.agent !== undefined && { agent: record.agent }),
    protocols: record.protocols,
    ...(connection?.encryption && { encryption: connection.encryption }),
    ...(latencyMs !== undefined && { latencyMs }),
    ...(connectedMs !== undefined && { connectedMs }),
    lastSeenMs: connection ? nowMs : record.lastSeenMs,
    bytesReceived: record.bytesReceived,
    bytesSent: record.bytesSent,
    evidence: { ...record.evidence },
  }
}
