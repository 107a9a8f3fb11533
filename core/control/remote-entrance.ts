import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import type { PeerId } from '@libp2p/interface'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Events } from '../events.ts'
import { fleetError } from '../fleet/errors.ts'
import type { Logger } from '../logger.ts'
import type { Channel } from '../network/framing.ts'
import type { NetworkPort } from '../network/network-port.ts'
import type { Fleet } from '../services/fleet.ts'
import { untilAborted } from '../until-aborted.ts'
import type { Entrance } from './entrance.ts'
import { controlError } from './errors.ts'
import { CONTROL, MAX_TUNNELS, NOTHING } from './remote-protocol.ts'
import { ChannelStream, PARTING_MS, whenGone } from './remote-stream.ts'
import type { RouteScope } from './scopes.ts'
import type { ControlServer } from './server.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The board of an operator that asks through a tunnel, by its peer id; absent for whoever asks here. */
    operator?: string
  }
}

/** Paths hold CIDs and paths of users, so they may be long. */
const MAX_LOGGED_PATH = 256

export interface RemoteEntranceDependencies {
  readonly control: Pick<ControlServer, 'serve'>
  readonly network: Pick<NetworkPort, 'handle'>
  readonly fleet: Pick<Fleet, 'isOperator'>
  readonly events: Events
  readonly log: Logger
}

/** What operators of the fleet ask this node for from their boards: everything but what is for the board itself. */
export class RemoteEntrance implements Entrance {
  readonly #deps: RemoteEntranceDependencies
  /** Never listens. One request a tunnel; how long one may take is the protocol's to limit. */
  readonly #server = createServer({ requestTimeout: 0 })
  /** By the connection: at most {@link MAX_TUNNELS}. */
  readonly #tunnels = new Map<Duplex, PeerId>()
  /** Those from afar whose other end may not have read all of its answer yet. */
  readonly #channels = new Map<Channel, Duplex>()
  #isStopping = false
  #unfollow = (): void => {}

  /** Before the control server listens. */
  constructor(deps: RemoteEntranceDependencies) {
    this.#deps = deps
    this.#server.maxRequestsPerSocket = 1
    deps.control.serve(this.#server, this)
  }

  async start(): Promise<void> {
    const { network, events } = this.#deps
    this.#unfollow = events.on('fleet:changed', () => this.#cutFormer())
    await network.handle(CONTROL, channel => this.#accept(channel))
  }

  /**
   * Ends the tunnels that are left once the control server has closed, and waits until their other ends have read that, as
   * the network then cuts off what is still on its way. Who doesn't read is not waited for long.
   */
  async stop(): Promise<void> {
    this.#isStopping = true
    const parted = Array.from(this.#channels, ([channel, tunnel]) => {
      tunnel.end(() => tunnel.destroy())
      return new Promise<void>(resolve => whenGone(channel, resolve))
    })
    await untilAborted(Promise.all(parted), AbortSignal.timeout(PARTING_MS)).catch(() => {})
    this.#unfollow()
  }

  admit(request: FastifyRequest, _reply: FastifyReply, scope: RouteScope | undefined): undefined {
    const { method, originalUrl, raw } = request
    const peer = this.#tunnels.get(raw.socket)
    if (!peer) throw controlError('CLIENT_GONE', 'the tunnel of the request is closed')
    const isRefused = scope === 'local'
    const facts = { peer: peer.toString(), method, path: originalUrl.slice(0, MAX_LOGGED_PATH) }
    this.#deps.log.info(facts, isRefused ? 'refused to an operator from afar' : 'an operator acts from afar')
    if (isRefused)
      throw controlError(
        'LOCAL_ONLY',
        `${method} ${request.routeOptions.url} is not to be asked for from afar`,
      )
    request.operator = facts.peer
  }

  /** A connection of this very node to itself, for an operator that names its own board. */
  connect(self: PeerId): Duplex {
    const [near, far] = duplexPair()
    this.#serve(far, self)
    return near
  }

  async #accept(channel: Channel): Promise<void> {
    if (this.#tunnels.size >= MAX_TUNNELS)
      throw controlError('TUNNELS_FULL', `${MAX_TUNNELS} commands from afar run here already`)
    if (this.#isStopping) throw controlError('NODE_STOPPING', 'the node is stopping')
    const stream = new ChannelStream(channel)
    const closed = new Promise(resolve => stream.once('close', resolve))
    this.#serve(stream, channel.peer)
    this.#channels.set(channel, stream)
    whenGone(channel, () => {
      this.#channels.delete(channel)
      // Nobody is left to take an answer, and the request may not be read on just now. Where the answer has ended, what is
      // left to read tells whether the request has as well.
      if (!stream.writableEnded) stream.destroy(channel.signal.reason)
    })
    await channel.write(NOTHING)
    await closed
  }

  #serve(connection: Duplex, peer: PeerId): void {
    this.#tunnels.set(connection, peer)
    connection.once('close', () => this.#tunnels.delete(connection))
    this.#server.emit('connection', connection as Socket)
  }

  #cutFormer(): void {
    const { fleet, log } = this.#deps
    for (const [connection, peer] of this.#tunnels) {
      if (fleet.isOperator(peer)) continue
      log.info({ peer: peer.toString() }, 'a tunnel is cut: its board is no operator any more')
      connection.destroy(fleetError('NOT_OPERATOR', `${peer} is no operator any more`))
    }
  }
}
