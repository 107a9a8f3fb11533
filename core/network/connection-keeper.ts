import type { Connection, PeerId } from '@libp2p/interface'
import type { Logger } from '../logger.ts'
import { bestFirst, redundant } from './duplicates.ts'
import type { GateRule } from './gate.ts'
import { crowdsOf, makeRoom, type Origin, originAt } from './handshakes.ts'
import type { NetworkMetrics } from './metrics.ts'
import type { ConnectionCounts } from './status.ts'
import { KEPT_WORTH, type TrimMarks, trimPlan } from './trim-plan.ts'

/** How long a close may wait for what is still to be sent. */
const CLOSE_TIMEOUT_MS = 1_000
/**
 * Streams that keep a connection going: identify, ping, what finds out about addresses, how lanes are agreed on; and the members'
 * index, which lasts as long as the connection and goes on elsewhere.
 */
const UPKEEP = /^\/(ipfs\/(id|ping)|libp2p\/(autonat|dcutr)|skep\/(lane|index))(\/|$)/

export interface ConnectionKeeperDependencies {
  readonly self: PeerId
  /** All that there are, or those to one peer. */
  connections(peer?: PeerId): readonly Connection[]
  worthOf(peer: PeerId): number
  /** Bytes lately, both ways. */
  recentBytes(peer: PeerId): number
  /** Asks on each of them whether the peer is there, and cuts those on which it isn't. */
  check(connections: readonly Connection[]): void
  /** Lanes that are open. */
  lanes(peer: PeerId): number
  readonly metrics: Pick<NetworkMetrics, 'trimmedConnections' | 'redundantConnections'>
  readonly log: Logger
  /** Monotonic. */
  nowMs(): number
}

/**
 * Decides which connections stay: not too many, and of several to one peer the best. What to close is decided in `trim-plan.ts`
 * and `duplicates.ts`; libp2p's own pruner knows less of what a peer is worth, and only acts far beyond the high mark.
 */
export class ConnectionKeeper {
  readonly #marks: TrimMarks
  readonly #deps: ConnectionKeeperDependencies
  /** When it was first seen. libp2p says when, too, but by the wall clock. */
  readonly #openedMs = new WeakMap<Connection, number>()
  /** Where they come from: worked out once, as all are compared for each that comes where it is full. */
  readonly #origins = new WeakMap<Connection, Origin>()
  /** Ours to close, though libp2p still calls them open. */
  readonly #closing = new WeakSet<Connection>()
  #trimmed = 0

  constructor(marks: TrimMarks, deps: ConnectionKeeperDependencies) {
    this.#marks = marks
    this.#deps = deps
  }

  /** Refuses inbound connections as long as nothing that is worth less can be closed. */
  readonly rule: GateRule = { denyInboundConnection: raw => !this.#hasRoom(originAt(raw.remoteAddr)) }

  /** Connections closed because there were too many. */
  get trimmed(): number {
    return this.#trimmed
  }

  counts(): ConnectionCounts {
    const open = this.#open()
    const inbound = open.filter(({ direction }) => direction === 'inbound').length
    const relayed = open.filter(({ direct }) => !direct).length
    return { inbound, outbound: open.length - inbound, relayed, ...this.#marks }
  }

  /** Those to `peer` that are open, the one to use first. */
  to(peer: PeerId): Connection[] {
    const facts = this.#open(peer).map(connection => ({
      connection,
      direction: connection.direction,
      isDirect: connection.direct,
      ageMs: this.#ageMs(connection),
    }))
    return bestFirst(facts, this.#isSmallerThan(peer)).map(({ connection }) => connection)
  }

  opened(connection: Connection): void {
    this.#openedMs.set(connection, this.#deps.nowMs())
    // A peer that has lost its connection comes anew, and here the old one still looks open.
    const others = this.#open(connection.remotePeer).filter(other => other !== connection)
    if (others.length > 0) this.#deps.check(others)
    // Others, libp2p among them, still have to hear of it.
    queueMicrotask(() => this.#trim())
  }

  /** Called every few seconds: what was too young to go may go now. */
  review(): void {
    this.#trim()
    this.#closeRedundant()
  }

  /** False where all places are taken, and nobody holds so many that one more from `origin` would still have fewer. */
  #hasRoom(origin: Origin): boolean {
    const { worthOf, nowMs } = this.#deps
    const open = this.#open()
    if (open.length < this.#marks.high) return true
    const strangers = open
      .filter(({ direction, remotePeer }) => direction === 'inbound' && worthOf(remotePeer) < KEPT_WORTH)
      // Of a crowd the first is taken, and here that is to be the newest.
      .map(connection => ({
        connection,
        origin: this.#originOf(connection),
        sinceMs: this.#ageMs(connection),
      }))
    const room = makeRoom(strangers, origin, nowMs(), { max: 0, graceMs: Number.POSITIVE_INFINITY })
    if (room === undefined || room === 'none') return false
    this.#giveUp(room.connection, 'a connection is closed: its host has many, and somebody else comes')
    return true
  }

  #trim(): void {
    const { worthOf, recentBytes, lanes, log } = this.#deps
    const open = this.#open()
    if (open.length < this.#marks.high) return
    const crowdOf = crowdsOf(open.map(connection => this.#originOf(connection)))
    const candidates = open.map(connection => ({
      id: connection.id,
      connection,
      worth: worthOf(connection.remotePeer),
      direction: connection.direction,
      ageMs: this.#ageMs(connection),
      streams:
        carried(connection).filter(protocol => protocol !== '').length +
        (connection.direct ? lanes(connection.remotePeer) : 0),
      recentBytes: recentBytes(connection.remotePeer),
      isRelayed: !connection.direct,
      crowd: crowdOf(this.#originOf(connection)),
    }))
    const plan = new Set(trimPlan(candidates, this.#marks))
    if (plan.size === 0) return
    log.info({ connections: open.length, closed: plan.size, ...this.#marks }, 'connections are trimmed')
    for (const { id, connection } of candidates) {
      if (plan.has(id)) this.#giveUp(connection, 'a connection is closed: there are too many')
    }
  }

  #giveUp(connection: Connection, why: string): void {
    const { worthOf, metrics, log } = this.#deps
    const { remotePeer: peer } = connection
    this.#trimmed += 1
    metrics.trimmedConnections.inc()
    log.debug({ peer: peer.toString(), worth: worthOf(peer) }, why)
    this.#close(connection)
  }

  #closeRedundant(): void {
    const byPeer = new Map<string, Connection[]>()
    for (const connection of this.#open()) {
      const key = connection.remotePeer.toString()
      byPeer.set(key, [...(byPeer.get(key) ?? []), connection])
    }
    for (const connections of byPeer.values()) {
      const [{ remotePeer: peer } = {}] = connections
      if (!peer || connections.length < 2) continue
      const hasLanes = this.#deps.lanes(peer) > 0
      const duplicates = connections.map(connection => ({
        connection,
        direction: connection.direction,
        isDirect: connection.direct,
        ageMs: this.#ageMs(connection),
        // A lane needs one that it could be agreed on: which, only the lanes know.
        isBusy: hasLanes || carried(connection).length > 0,
      }))
      for (const { connection, isDirect } of redundant(duplicates, this.#isSmallerThan(peer))) {
        this.#deps.metrics.redundantConnections.inc({ kind: isDirect ? 'direct' : 'relayed' })
        this.#deps.log.debug({ peer: peer.toString(), isDirect }, 'a second connection to a peer is closed')
        this.#close(connection)
      }
    }
  }

  #open(peer?: PeerId): Connection[] {
    return this.#deps
      .connections(peer)
      .filter(connection => connection.status === 'open' && !this.#closing.has(connection))
  }

  #ageMs(connection: Connection): number {
    const nowMs = this.#deps.nowMs()
    return nowMs - (this.#openedMs.get(connection) ?? nowMs)
  }

  #originOf(connection: Connection): Origin {
    const origin = this.#origins.get(connection) ?? originAt(connection.remoteAddr)
    this.#origins.set(connection, origin)
    return origin
  }

  #isSmallerThan(peer: PeerId): boolean {
    return Buffer.compare(this.#deps.self.toMultihash().bytes, peer.toMultihash().bytes) < 0
  }

  #close(connection: Connection): void {
    this.#closing.add(connection)
    const signal = AbortSignal.timeout(CLOSE_TIMEOUT_MS)
    connection.close({ signal }).catch((error: Error) => connection.abort(error))
  }
}

/** Protocols of the streams that carry something; empty where that isn't agreed on yet. */
function carried({ streams }: Connection): string[] {
  return streams.map(({ protocol }) => protocol).filter(protocol => !UPKEEP.test(protocol))
}
