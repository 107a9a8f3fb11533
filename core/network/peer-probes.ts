import type { Connection, PeerId } from '@libp2p/interface'
import type { Logger } from '../logger.ts'
import type { Pulse } from '../state/liveness.ts'
import type { PeerTable } from '../state/peer-state.ts'
import { networkError } from './errors.ts'
import type { NetworkMetrics } from './metrics.ts'
import { planProbes } from './probe-plan.ts'

export interface PeerProbesOptions {
  /** A connected peer that was silent for so long is asked whether it is there. */
  readonly probeAfterMs: number
}

export interface PeerProbesDependencies {
  connections(peer?: PeerId): Connection[]
  /** Bytes received on the connections that are open, by the peer's id as text. */
  receivedBytes(): ReadonlyMap<string, number>
  /** Asks by a stream: for connections whose muxer can't. */
  ping(peer: PeerId): Promise<unknown>
  readonly peers: Pick<PeerTable, 'pulseOf' | 'asked' | 'answered' | 'roundTrip' | 'review'>
  readonly metrics: Pick<NetworkMetrics, 'probes'>
  readonly log: Logger
  /** Monotonic. */
  readonly nowMs: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Yamux answers to a ping by itself, at a tenth of what a stream of its own would cost. Mplex has none. */
interface PingingMuxer {
  ping?(): Promise<number>
}

interface Watched {
  readonly peer: PeerId
  readonly pulse: Pulse
  jitter: number
  receivedBytes: number
}

/** Where there is reason for doubt: enough for TCP to send again twice, and over before of two connections one is given up. */
const DOUBTED_MS = 8000
/** A turn that comes so late tells that this node stood still, not that its peers did. */
const LATE_MS = 2000

/**
 * Finds connected peers that are gone without a word. Whoever sends anything is alive; who is silent is asked, by the muxer's
 * ping; who doesn't answer becomes suspect, and is cut off. One timer for all of them.
 */
export class PeerProbes {
  readonly #options: PeerProbesOptions
  readonly #deps: PeerProbesDependencies
  /** By peer id; those connected. */
  readonly #watched = new Map<string, Watched>()
  #timer: NodeJS.Timeout | undefined
  #dueMs = Number.POSITIVE_INFINITY
  /** When this node last came back from a pause. */
  #awakeMs = Number.NEGATIVE_INFINITY
  #isStopped = false

  constructor(options: PeerProbesOptions, deps: PeerProbesDependencies) {
    this.#options = options
    this.#deps = deps
  }

  /** Measures a new connection at once: the muxer needs its round trip for its windows. */
  opened(connection: Connection): void {
    if (this.#isStopped) return
    void this.#ask(connection.remotePeer, connection)
    this.#turn()
  }

  /**
   * Asks on each of `connections` at once, and cuts those on which no answer comes: where there is reason to doubt them, as the
   * way to others has changed, or a peer that is connected comes anew.
   */
  check(connections: readonly Connection[] = this.#deps.connections()): void {
    for (const connection of connections) this.#check(connection)
    this.#turn()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #turn(): void {
    if (this.#isStopped) return
    const { peers, nowMs } = this.#deps
    this.#listen()
    if (nowMs() - this.#dueMs > LATE_MS) this.#awakeMs = nowMs()
    const { ask, gone, waitMs } = planProbes(
      [...this.#watched.values()],
      this.#options.probeAfterMs,
      nowMs(),
      this.#awakeMs,
    )
    for (const { peer } of ask)
      for (const connection of this.#deps.connections(peer)) void this.#ask(peer, connection)
    for (const { peer } of gone) this.#cut(peer)
    peers.review()
    this.#rest(waitMs)
  }

  #rest(waitMs: number): void {
    clearTimeout(this.#timer)
    this.#dueMs = this.#deps.nowMs() + waitMs
    if (Number.isFinite(waitMs)) this.#timer = setTimeout(() => this.#turn(), waitMs).unref()
  }

  /** Takes in who is connected, and who has sent something since. */
  #listen(): void {
    const { connections, receivedBytes, peers, random } = this.#deps
    const received = receivedBytes()
    const gone = new Set(this.#watched.keys())
    for (const { remotePeer: peer } of connections()) {
      const key = peer.toString()
      const before = this.#watched.get(key)
      gone.delete(key)
      const bytes = received.get(key) ?? 0
      const hasSent = before !== undefined && bytes > before.receivedBytes
      if (hasSent) peers.answered(peer)
      const pulse = peers.pulseOf(peer)
      if (!pulse) continue
      const jitter = before && !hasSent ? before.jitter : random()
      this.#watched.set(key, { peer, pulse, jitter, receivedBytes: bytes })
    }
    for (const key of gone) this.#watched.delete(key)
  }

  #check(connection: Connection): void {
    const { log, nowMs, metrics } = this.#deps
    const { remotePeer: peer } = connection
    const startMs = nowMs()
    const timer = setTimeout(() => {
      if (this.#isStopped || connection.status !== 'open') return
      // This node stood still: the answer may have come meanwhile.
      if (nowMs() - startMs > DOUBTED_MS + LATE_MS) return this.#check(connection)
      metrics.probes.inc({ result: 'gone' })
      log.info({ peer: peer.toString() }, 'a connection that was doubted is cut: no answer came on it')
      connection.abort(networkError('PEER_TIMEOUT', `${peer} did not answer within ${DOUBTED_MS} ms`))
    }, DOUBTED_MS).unref()
    this.#ask(peer, connection).finally(() => clearTimeout(timer))
  }

  /** Resolves when there was an answer, or can't be one. */
  async #ask(peer: PeerId, connection: Connection): Promise<void> {
    const { muxer } = connection as { muxer?: PingingMuxer }
    if (connection.status !== 'open' || !muxer) return
    const { peers, ping, metrics, nowMs, log } = this.#deps
    const startMs = nowMs()
    peers.asked(peer)
    metrics.probes.inc({ result: 'asked' })
    // Without a signal: an answer to a ping that was given up would end the connection.
    try {
      await (muxer.ping ? muxer.ping() : ping(peer))
      peers.roundTrip(peer, nowMs() - startMs)
    } catch (error) {
      log.debug({ err: error, peer: peer.toString() }, 'a probe failed')
    }
  }

  #cut(peer: PeerId): void {
    const { connections, metrics, log } = this.#deps
    metrics.probes.inc({ result: 'gone' })
    log.info({ peer: peer.toString() }, 'a peer went silent: its connections are cut')
    const error = networkError('PEER_TIMEOUT', `${peer} did not answer to a probe`)
    for (const connection of connections(peer)) connection.abort(error)
  }
}
