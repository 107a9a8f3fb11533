import { type PeerId, type Startable, start, stop, type Transport } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, CODE_P2P_CIRCUIT, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { NetworkPort } from '../../core/api.ts'
import { isRelayed } from './candidates.ts'
import { type Parts, standIn } from './parts.ts'

const NAME = 'circuit-relay-transport'

/** What a connection to a relay is worth, from 0 to 100: without it this node can't be reached. */
const RELAY_WORTH = 50

export interface RelayClientDependencies {
  readonly parts: Parts
  readonly network: NetworkPort
}

/** Connections through relays: out at any time, in while {@link listen} says so. */
export class RelayClient {
  readonly #maxRelays: number
  readonly #deps: RelayClientDependencies
  #isListening = false
  #valued: readonly PeerId[] = []

  constructor({ maxRelays }: { readonly maxRelays: number }, deps: RelayClientDependencies) {
    this.#maxRelays = maxRelays
    this.#deps = deps
  }

  /** Relays through which others reach this node. */
  get relays(): readonly PeerId[] {
    const peers = new Map<string, PeerId>()
    for (const address of this.addresses) {
      const peer = relayOf(address)
      if (peer) peers.set(peer.toString(), peer)
    }
    return [...peers.values()]
  }

  get addresses(): readonly Multiaddr[] {
    return this.#deps.parts.transportManager.getAddrs().filter(isRelayed)
  }

  get isListening(): boolean {
    return this.#isListening
  }

  async start(): Promise<void> {
    const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
    const { parts, network } = this.#deps
    await network.attach(NAME, () => new AttachedTransport(parts, circuitRelayTransport()))
  }

  async stop(): Promise<void> {
    await this.#deps.network.detach(NAME)
    this.#isListening = false
    this.value()
  }

  /** From now on asks each connected peer that relays for a place, until there are enough. */
  async listen(): Promise<void> {
    if (this.#isListening) return
    this.#isListening = true
    const places = Array.from({ length: this.#maxRelays }, () => multiaddr('/p2p-circuit'))
    await this.#deps.parts.transportManager.listen(places)
  }

  /** Gives the places back. A transport that has listened once goes on looking for relays, so a new one takes over. */
  async unlisten(): Promise<void> {
    if (!this.#isListening) return
    await this.stop()
    await this.start()
  }

  /** Says what the relays of now are worth, and that those of before are not any more. */
  value(): void {
    const relays = this.#isListening ? this.relays : []
    const { network } = this.#deps
    for (const peer of this.#valued) {
      if (!relays.some(relay => relay.equals(peer))) network.value(peer, 'relay', 0)
    }
    for (const peer of relays) network.value(peer, 'relay', RELAY_WORTH)
    this.#valued = relays
  }
}

/** A transport that joins the live node, and leaves no listener of its own behind. */
class AttachedTransport implements Startable {
  readonly #parts: Parts
  readonly #gone = new AbortController()
  readonly #transport: Transport

  constructor(parts: Parts, create: (parts: Parts) => Transport) {
    this.#parts = parts
    const { events } = parts
    const mortal = standIn(events, {
      addEventListener: (...[name, listener]: Parameters<typeof events.addEventListener>) =>
        events.addEventListener(name, listener, { signal: this.#gone.signal }),
    } as Partial<typeof events>)
    this.#transport = create({ ...parts, events: mortal })
  }

  async start(): Promise<void> {
    this.#parts.transportManager.add(this.#transport)
    await start(this.#transport)
  }

  async stop(): Promise<void> {
    this.#gone.abort()
    await this.#parts.transportManager.remove(this.#transport[Symbol.toStringTag])
    await stop(this.#transport)
  }
}

function relayOf(address: Multiaddr): PeerId | undefined {
  const components = address.getComponents()
  const at = components.findIndex(({ code }) => code === CODE_P2P_CIRCUIT)
  const id = components.slice(0, at).findLast(({ code }) => code === CODE_P2P)?.value
  return id === undefined ? undefined : peerIdFromString(id)
}
