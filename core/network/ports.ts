import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { PeerTable } from '../state/peer-state.ts'
import type { Attachments } from './attachments.ts'
import { type ChannelDependencies, PipeChannel } from './channel.ts'
import type { Dialer } from './dialer.ts'
import { networkError } from './errors.ts'
import type { Gate } from './gate.ts'
import type { Handlers } from './handlers.ts'
import type { Lanes } from './lanes.ts'
import type { NetworkPort } from './network-port.ts'
import type { PeerWorth } from './peer-worth.ts'

export interface OwnedPort {
  readonly port: NetworkPort
  /** Takes back all that the port was used for. Idempotent. */
  release(): Promise<void>
}

export interface PortsDependencies {
  readonly libp2p: Libp2p
  readonly isPrivate: boolean
  /** Those that are open, the one to use first. */
  connectionsTo(peer: PeerId): Connection[]
  readonly dialer: Dialer
  /** Asks all peers whether they are there. */
  check(): void
  /** They use a port themselves, so they come later. */
  lanes(): Lanes
  readonly handlers: Handlers
  readonly gate: Gate
  readonly attachments: Attachments
  readonly worths: PeerWorth
  readonly peers: PeerTable
}

/** Gives each owner its own view of the network, and knows what is whose. */
export class Ports {
  readonly #deps: PortsDependencies

  constructor(deps: PortsDependencies) {
    this.#deps = deps
  }

  create(owner: string): OwnedPort {
    const { worths, attachments, handlers } = this.#deps
    const released = new AbortController()
    return {
      port: this.#port(owner, released.signal),
      async release() {
        released.abort(networkError('NETWORK_STOPPED', `${owner} has given its network back`))
        worths.release(owner)
        await attachments.release(owner)
        await handlers.release(owner)
      },
    }
  }

  #port(owner: string, released: AbortSignal): NetworkPort {
    const { libp2p, isPrivate, connectionsTo, dialer, lanes, handlers, gate, attachments, worths, peers } =
      this.#deps
    return {
      self: libp2p.peerId,
      isPrivate,
      addresses: () => libp2p.getMultiaddrs(),
      connections: peer => (peer ? connectionsTo(peer) : libp2p.getConnections()),
      connectedPeers: () => libp2p.getPeers(),
      protocolsOf: peer => this.#protocolsOf(peer),
      dial: (peer, wait) => dialer.dial(peer, wait),
      value: (peer, reason, worth) => {
        if (!released.aborted) worths.set(peer, owner, reason, worth)
      },
      hangUp: (peer, wait) => libp2p.hangUp(peer, wait),
      check: () => this.#deps.check(),
      ping: (peer, wait) => dialer.ping(peer, wait),
      open: (peer, protocol, wait) => dialer.open(peer, protocol, wait),
      async openLane(peer, { id, maxMessageBytes, idleTimeoutMs }, wait) {
        const pipe = await lanes().open(peer, id, wait)
        const report: ChannelDependencies['report'] = (kind, detail) => peers.report(peer, kind, detail)
        const limits = { maxMessageBytes, idleTimeoutMs, maySleep: true }
        return new PipeChannel({ protocol: id, ...limits }, { peer, pipe, report })
      },
      async handle(protocol, handler) {
        released.throwIfAborted()
        await handlers.handle(owner, protocol, handler)
      },
      gate(rule, reason = owner) {
        released.throwIfAborted()
        const remove = gate.add(rule, reason)
        released.addEventListener('abort', remove, { once: true })
        return () => {
          released.removeEventListener('abort', remove)
          remove()
        }
      },
      async attach(name, factory, attachOptions) {
        released.throwIfAborted()
        return attachments.attach(owner, name, factory, attachOptions)
      },
      detach: name => attachments.detach(name),
    }
  }

  async #protocolsOf(peer: PeerId): Promise<string[] | undefined> {
    const { peerStore } = this.#deps.libp2p
    if (!(await peerStore.has(peer))) return undefined
    const { protocols } = await peerStore.get(peer)
    return protocols.length > 0 ? protocols : undefined
  }
}
