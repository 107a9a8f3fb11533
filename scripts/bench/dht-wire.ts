import type { AbortOptions, Connection, IdentifyResult, PeerId, Stream } from '@libp2p/interface'
import { AbstractStream, type AbstractStreamInit } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { silentLogger } from '../../core/logger.ts'
import type { Components } from '../../core/network/libp2p.ts'
import { libp2pLogger } from '../../core/network/libp2p-logger.ts'

const log = libp2pLogger(silentLogger).forComponent('bench:wire')

/**
 * What carries streams between the nodes of one process: each is a pair of libp2p streams, end to end. There are no
 * connections, since a network in which everybody knows everybody has N²/2 of them, and 12 ms and 300 kB each are what a
 * bench of 300 nodes would measure. What a new connection tells both sides of each other, as `identify` does, is told.
 */
export class Wire {
  readonly #nodes = new Map<string, Components>()
  /** Pairs that have met, both ways. */
  readonly #met = new Set<string>()

  join(node: Components): void {
    this.#nodes.set(node.peerId.toString(), node)
  }

  leave({ peerId }: Components): void {
    this.#nodes.delete(peerId.toString())
  }

  /** As the first connection between two: each then has addresses and protocols of the other. */
  async meet(one: Components, other: PeerId): Promise<Components> {
    const there = this.#nodes.get(other.toString())
    if (!there || there === one) throw new Error(`${other} is nobody else`)
    if (this.#isNew(one.peerId, other)) await Promise.all([introduce(one, there), introduce(there, one)])
    return there
  }

  async open(from: Components, to: PeerId, protocol: string, { signal }: AbortOptions = {}): Promise<Stream> {
    const there = await this.meet(from, to)
    signal?.throwIfAborted()
    const { handler } = there.registrar.getHandler(protocol)
    const [near, far] = streams(protocol)
    const arrived = async (): Promise<void> => handler(far, connectionWith(from.peerId))
    void arrived().catch(error => far.abort(error))
    return near
  }

  #isNew(one: PeerId, other: PeerId): boolean {
    const pair = [one.toString(), other.toString()].sort().join()
    const { size } = this.#met
    return this.#met.add(pair).size > size
  }
}

/** Tells `node` of `other`. */
async function introduce(node: Components, other: Components): Promise<void> {
  const { peerId, registrar } = other
  const protocols = registrar.getProtocols()
  await node.peerStore.merge(peerId, { multiaddrs: [addressOf(peerId)], protocols })
  const detail = { peerId, protocols, connection: connectionWith(peerId) } as unknown as IdentifyResult
  node.events.safeDispatchEvent('peer:identify', { detail })
}

export function addressOf(peer: PeerId) {
  return multiaddr(`/memory/${peer}/p2p/${peer}`)
}

function connectionWith(remotePeer: PeerId): Connection {
  return { remotePeer, remoteAddr: addressOf(remotePeer) } as unknown as Connection
}

function streams(protocol: string): [Stream, Stream] {
  const init = { id: protocol, protocol, log, maxMessageSize: Number.POSITIVE_INFINITY }
  const near = new WireStream({ ...init, direction: 'outbound' })
  const far = new WireStream({ ...init, direction: 'inbound' })
  near.other = far
  far.other = near
  return [near, far]
}

/** One end of a stream. What it sends arrives in order, in turns of its own, as from a socket. */
class WireStream extends AbstractStream {
  other: WireStream | undefined

  constructor(init: AbstractStreamInit) {
    super(init)
  }

  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    this.#tell(other => other.onData(data))
    return { sentBytes: data.byteLength, canSendMore: true }
  }

  sendReset(): void {
    this.#tell(other => other.onRemoteReset())
  }

  async sendCloseWrite(): Promise<void> {
    this.#tell(other => other.onRemoteCloseWrite())
  }

  async sendCloseRead(): Promise<void> {
    this.#tell(other => other.onRemoteCloseRead())
  }

  sendPause(): void {}

  sendResume(): void {}

  #tell(news: (other: WireStream) => void): void {
    const { other } = this
    if (other) setImmediate(news, other)
  }
}
