import type { Duplex } from 'node:stream'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isSkepError } from '../errors.ts'
import { fleetError } from '../fleet/errors.ts'
import type { FleetNode } from '../fleet/fleet.ts'
import { Admission } from '../network/admission.ts'
import { NEGOTIATION_TIMEOUT_MS } from '../network/connections.ts'
import type { Channel } from '../network/framing.ts'
import type { NetworkPort } from '../network/network-port.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { controlError } from './errors.ts'
import type { RemoteEntrance } from './remote-entrance.ts'
import { CONTROL, KEEPALIVE_MS, MAX_TUNNELS, NOTHING } from './remote-protocol.ts'
import { ChannelStream, whenGone } from './remote-stream.ts'

export interface RemoteBoardsDependencies {
  readonly network: Pick<NetworkPort, 'self' | 'open'>
  readonly fleet: Pick<FleetNode, 'member' | 'isOperator'>
  /** This node's own, for an operator that names its own board. */
  readonly entrance: Pick<RemoteEntrance, 'connect'>
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
}

/** The other boards of the fleet, as far as this one is an operator: opens connections to their control API. */
export class RemoteBoards {
  readonly #deps: RemoteBoardsDependencies
  /** By the same limits as the other end: what it would refuse, and charge, isn't tried. */
  readonly #admission: Admission

  constructor(deps: RemoteBoardsDependencies) {
    this.#deps = deps
    this.#admission = new Admission(CONTROL, { clock: deps.nowMs })
  }

  /**
   * An HTTP connection to the control API of the member that `who` means: its name, its peer id or a part of that.
   *
   * @throws SkepError NO_FLEET, NOT_OPERATOR, MEMBER_UNKNOWN, TUNNELS_FULL, DIAL_FAILED, PEER_BLOCKED, PEER_TIMEOUT,
   * BOARD_TOO_OLD, BOARD_REFUSES
   */
  async open(who: string, { signal }: WaitOptions = {}): Promise<Duplex> {
    const { network, fleet, entrance } = this.#deps
    const { peer: id, name, isSelf } = fleet.member(who)
    if (!fleet.isOperator(network.self))
      throw fleetError('NOT_OPERATOR', 'this board is no operator of its fleet, so it may not run others')
    if (isSelf) return entrance.connect(network.self)
    const leave = this.#enter(id, name)
    const channel = await this.#openChannel(peerIdFromString(id), name, signal).catch(error => {
      leave()
      throw error
    })
    const stop = keepAlive(channel)
    whenGone(channel, () => {
      leave()
      stop()
    })
    return new ChannelStream(channel)
  }

  #enter(id: string, name: string): () => void {
    const admission = this.#admission
    const refusal = admission.open >= MAX_TUNNELS ? 'streams' : admission.enter(id)
    if (!refusal) return () => admission.leave(id)
    const why = refusal === 'rate' ? 'begin too fast' : 'are as many as may be'
    throw controlError('TUNNELS_FULL', `commands for other boards, such as ${name}, ${why}`)
  }

  async #openChannel(peer: PeerId, name: string, cancelled: AbortSignal | undefined): Promise<Channel> {
    const channel = await this.#deps.network.open(peer, CONTROL, { signal: cancelled }).catch(cause => {
      if (!isSkepError(cause, 'PROTOCOL_UNSUPPORTED')) throw cause
      throw controlError('BOARD_TOO_OLD', `${name}: ${cause.message}`, { cause })
    })
    const late = AbortSignal.timeout(NEGOTIATION_TIMEOUT_MS)
    const signal = cancelled ? AbortSignal.any([cancelled, late]) : late
    const refuse = (why: string, cause?: unknown): never => {
      throw controlError('BOARD_REFUSES', `${name} (${peer}) does nothing for this board: ${why}`, { cause })
    }
    try {
      const first = await channel.read({ signal }).catch(cause => {
        cancelled?.throwIfAborted()
        if (late.aborted) return refuse(`no answer within ${NEGOTIATION_TIMEOUT_MS} ms`, cause)
        return refuse('to it, this board may be no operator, or one that asks for too much', cause)
      })
      return first?.byteLength === 0 ? channel : refuse('it answered with what is no answer')
    } catch (error) {
      channel.abort(error as Error)
      throw error
    }
  }
}

/** Until it is stopped. Where a beat doesn't get through, none is added. */
function keepAlive(channel: Channel): () => void {
  let isWaiting = false
  const beats = setInterval(async () => {
    if (isWaiting) return
    isWaiting = true
    // Our side may have ended; the other one then has its own end to make.
    await channel.write(NOTHING).catch(() => {})
    isWaiting = false
  }, KEEPALIVE_MS).unref()
  return () => clearInterval(beats)
}
