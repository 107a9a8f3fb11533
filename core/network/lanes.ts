import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { PeerId } from '@libp2p/interface'
import { messageOf } from '../errors.ts'
import { defineProtocol } from '../messages/define.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { MAX_LANES } from './connections.ts'
import type { DialPace } from './dial-pace.ts'
import type { Doors, Guest } from './doors.ts'
import { networkError } from './errors.ts'
import type { NetworkMetrics } from './metrics.ts'
import type { NetworkPort } from './network-port.ts'
import type { Pipe } from './pipe.ts'
import { SocketPipe } from './socket-pipe.ts'
import { hostOf, isDirect, placesOf } from './tcp-place.ts'
import type { Traffic } from './traffic.ts'
import { LaneRequest, LaneResponse } from './wire/lane.js'

// A lane is a TCP connection of its own for one stream between two peers that are connected already. It spares bulk data the
// muxer and the copies on the way to it. See core/decisions/0009-bulk-lanes.md, and README.md for the protocol.

/** Says in ALPN that no libp2p connection follows, but the bytes of one stream. */
const ALPN = 'skep-lane/1'
/** From the agreement to the end of the handshake. A Pi Zero on a bad link takes seconds. */
const LANE_TIMEOUT_MS = 10_000
/** Peers that were promised a lane and haven't come yet; each for no longer than the time limit. */
const MAX_EXPECTED = 32
/** Ports told to a peer, and tried of those it tells. */
const MAX_PORTS = 4

const agreement = defineProtocol<LaneRequest, LaneResponse>({
  id: '/skep/lane/1.0.0',
  request: LaneRequest,
  response: LaneResponse,
  limits: {
    maxMessageBytes: 256,
    idleTimeoutMs: LANE_TIMEOUT_MS,
    maxStreamsPerPeer: 2,
    streamsPerSecond: 1,
    trust: 'anyone',
    timeoutMs: LANE_TIMEOUT_MS,
  },
})

export interface LanesOptions {
  /** Connections of a private network: what goes past its protector would betray it. */
  readonly isProtected: boolean
}

export interface LanesDependencies {
  readonly network: NetworkPort
  readonly doors: Pick<Doors, 'add' | 'knock'>
  /** Serves `protocol` on the pipe of a lane that a peer opened. */
  serve(protocol: string, pipe: Pipe, peer: PeerId): Promise<void>
  /** Ports listened on, of TCP. */
  ports(): number[]
  readonly traffic: Traffic
  readonly pace: Pick<DialPace, 'turn'>
  readonly metrics: Pick<NetworkMetrics, 'lanes'>
}

interface Expected {
  readonly hosts: ReadonlySet<string>
  readonly protocol: string
  readonly untilMs: number
}

interface Lane {
  readonly peer: PeerId
  readonly socket: Socket
}

/** Opens lanes and lets those in that were agreed on. */
export class Lanes {
  readonly #isProtected: boolean
  readonly #deps: LanesDependencies
  /** By peer. */
  readonly #expected = new Map<string, Expected>()
  readonly #open = new Set<Lane>()
  #isStopped = false

  constructor({ isProtected }: LanesOptions, deps: LanesDependencies) {
    this.#isProtected = isProtected
    this.#deps = deps
  }

  async start(): Promise<void> {
    if (this.#isProtected) return
    this.#deps.doors.add({
      alpn: ALPN,
      expects: host => this.#expects(host),
      enter: guest => this.#enter(guest),
    })
    await agreement.handle(this.#deps.network, async ({ protocol }, { peer }) => ({
      ports: this.#expect(peer, protocol) ? [...new Set(this.#deps.ports())].slice(0, MAX_PORTS) : [],
    }))
  }

  /**
   * A lane to `peer` on which it serves `protocol`.
   *
   * @throws SkepError LANE_UNAVAILABLE where there is no direct TCP connection, the peer knows no lanes, or it can't be reached
   */
  async open(peer: PeerId, protocol: string, { signal }: WaitOptions = {}): Promise<Pipe> {
    const { network, doors, pace } = this.#deps
    if (this.#isProtected) throw unavailable(peer, 'the network is a private one')
    const connection = network.connections(peer).find(isDirect)
    if (!connection) throw unavailable(peer, 'it has no direct connection')
    if (this.#open.size >= MAX_LANES) throw unavailable(peer, `${MAX_LANES} are open already`)
    const known = await network.protocolsOf(peer)
    if (!known?.includes(agreement.protocol.id)) throw unavailable(peer, 'it knows none')
    const limit = AbortSignal.timeout(LANE_TIMEOUT_MS)
    const wait = { signal: signal ? AbortSignal.any([signal, limit]) : limit }
    try {
      const { ports } = await agreement.call(network, peer, { protocol }, wait)
      if (ports.length === 0) throw new Error('it wants none now')
      const reasons: unknown[] = []
      for (const place of placesOf(connection, ports.slice(0, MAX_PORTS))) {
        await pace.turn(wait.signal)
        try {
          const { socket, pipe } = await doors.knock(ALPN, peer, place, wait.signal)
          this.#add('outbound', peer, socket, socket)
          return pipe
        } catch (error) {
          wait.signal.throwIfAborted()
          reasons.push(error)
        }
      }
      throw new AggregateError(reasons, reasons.map(messageOf).join(', '))
    } catch (error) {
      signal?.throwIfAborted()
      throw unavailable(peer, messageOf(error), error)
    }
  }

  /** A connection to `peer` has ended: lanes last no longer than the last of those on which they could be agreed. */
  review(peer: PeerId): void {
    if (this.#deps.network.connections(peer).some(isDirect)) return
    this.#expected.delete(peer.toString())
    for (const lane of this.#open) if (lane.peer.equals(peer)) lane.socket.destroy()
  }

  /** Lanes to `peer` that are open. */
  count(peer: PeerId): number {
    let count = 0
    for (const lane of this.#open) if (lane.peer.equals(peer)) count++
    return count
  }

  /** Ends all lanes and those that are being opened: libp2p's listener waits for every connection that it has let in. */
  stop(): void {
    this.#isStopped = true
    this.#expected.clear()
    for (const { socket } of this.#open) socket.destroy()
  }

  #expect(peer: PeerId, protocol: string): boolean {
    this.#forgetLate()
    const hosts = new Set(
      this.#deps.network
        .connections(peer)
        .filter(isDirect)
        .flatMap(({ remoteAddr }) => hostOf(remoteAddr) ?? []),
    )
    const { size } = this.#expected
    if (hosts.size === 0 || size >= MAX_EXPECTED || this.#open.size + size >= MAX_LANES) return false
    this.#expected.set(peer.toString(), { hosts, protocol, untilMs: performance.now() + LANE_TIMEOUT_MS })
    return true
  }

  #forgetLate(): void {
    const nowMs = performance.now()
    for (const [peer, { untilMs }] of this.#expected) if (untilMs <= nowMs) this.#expected.delete(peer)
  }

  #expects(host: string | undefined): boolean {
    this.#forgetLate()
    return host !== undefined && [...this.#expected.values()].some(({ hosts }) => hosts.has(host))
  }

  async #enter({ peer, tls, socket }: Guest): Promise<void> {
    const expected = this.#expected.get(peer.toString())
    if (!expected || this.#isStopped) throw new Error(`no lane was agreed on with ${peer}`)
    this.#expected.delete(peer.toString())
    this.#add('inbound', peer, tls, socket)
    await this.#deps.serve(expected.protocol, new SocketPipe(tls), peer)
  }

  #add(direction: 'inbound' | 'outbound', peer: PeerId, socket: TLSSocket, counted: Socket): void {
    const lane = { peer, socket }
    this.#open.add(lane)
    this.#deps.traffic.watch(peer, counted)
    this.#deps.metrics.lanes.inc({ direction })
    socket.once('close', () => this.#open.delete(lane))
    // It may have gone meanwhile, and with it who would end this.
    if (!this.#deps.network.connections(peer).some(isDirect)) socket.destroy()
  }
}

function unavailable(peer: PeerId, why: string, cause?: unknown): Error {
  return networkError('LANE_UNAVAILABLE', `no lane to ${peer}: ${why}`, { cause })
}
