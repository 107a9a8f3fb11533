import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { PeerId } from '@libp2p/interface'
import type { NetworkPort } from '../../core/api.ts'
import type { RelayConfig } from './config.ts'
import { type Parts, standIn } from './parts.ts'

const NAME = 'circuit-relay-server'

/** Where strangers are relayed for, too, this share of the places is kept for members. */
const MEMBERS_SHARE = 0.25
/** Questions one connection may have open: a reservation, and a few peers that connect through here. */
const MAX_HOP_STREAMS = 16

export interface RelayServerDependencies {
  readonly parts: Parts
  readonly network: NetworkPort
  isMember(peer: PeerId): boolean
}

/** Relays for peers that can't be reached, within bounds: enough to find a direct way, too little for content. */
export class RelayServer {
  readonly #config: RelayConfig
  readonly #deps: RelayServerDependencies
  #service: CircuitRelayService | undefined

  constructor(config: RelayConfig, deps: RelayServerDependencies) {
    this.#config = config
    this.#deps = deps
  }

  get isRunning(): boolean {
    return this.#service !== undefined
  }

  get reservations(): number {
    return this.#service?.reservations.size ?? 0
  }

  async start(): Promise<void> {
    if (this.#service) return
    const { circuitRelayServer } = await import('@libp2p/circuit-relay-v2')
    const { maxReservations, maxBytes, maxDurationMs } = this.#config
    const { parts, network } = this.#deps
    const create = circuitRelayServer({
      reservations: {
        maxReservations,
        defaultDataLimit: BigInt(maxBytes),
        defaultDurationLimit: maxDurationMs,
      },
      maxInboundHopStreams: MAX_HOP_STREAMS,
    })
    const connectionGater = standIn(parts.connectionGater, {
      denyInboundRelayReservation: (peer: PeerId) => !this.#welcomes(peer),
    })
    this.#service = await network.attach(NAME, () => create({ ...parts, connectionGater }))
  }

  async stop(): Promise<void> {
    this.#service = undefined
    await this.#deps.network.detach(NAME)
  }

  #welcomes(peer: PeerId): boolean {
    const { server, maxReservations } = this.#config
    if (this.#deps.isMember(peer)) return true
    const isKnown = this.#service?.reservations.has(peer) ?? false
    return (
      server === 'anyone' &&
      (isKnown || this.reservations < Math.floor(maxReservations * (1 - MEMBERS_SHARE)))
    )
  }
}
