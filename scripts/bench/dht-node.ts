import type { AbortOptions, PeerId } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import { silentLogger } from '../../core/logger.ts'
import { Attachments, LateRouter } from '../../core/network/attachments.ts'
import { PipeChannel } from '../../core/network/channel.ts'
import type { Components } from '../../core/network/libp2p.ts'
import { libp2pLogger } from '../../core/network/libp2p-logger.ts'
import type { NetworkPort } from '../../core/network/network-port.ts'
import { StreamPipe } from '../../core/network/stream-pipe.ts'
import { createMemoryStorage } from '../../core/storage/memory.ts'
import type { DhtConfig } from '../../plugins/routing/config.ts'
import { Kademlia } from '../../plugins/routing/dht/kademlia.ts'
import { addressOf, type Wire } from './dht-wire.ts'

const MIB = 1024 * 1024

/**
 * One node of a Kademlia network as the plugin makes it, with libp2p's peer store, registrar and events. Its streams go over a
 * wire in this process: no sockets, encryption, muxers or negotiation of protocols, and a ping says only who is there.
 */
export interface DhtNode {
  readonly self: PeerId
  readonly dht: Kademlia
  meet(other: DhtNode): Promise<void>
  stop(): Promise<void>
}

export async function startDhtNode(wire: Wire, options: DhtConfig): Promise<DhtNode> {
  const router = new LateRouter()
  let components: Components | undefined
  const libp2p = await createLibp2p({
    logger: libp2pLogger(silentLogger),
    peerRouters: [() => router],
    services: {
      parts: parts => {
        components = parts as unknown as Components
        return {}
      },
    },
  })
  if (!components) throw new TypeError('libp2p made no services')
  const parts = components
  wire.join(parts)
  const storage = createMemoryStorage({ maxBytes: 16 * MIB })
  const attachments = new Attachments({
    components: () => wired(parts, wire),
    table: {
      handleService: (_owner, id, handler, options) => parts.registrar.handle(id, handler, options),
      async unhandleService(ids) {
        for (const id of [ids].flat()) await parts.registrar.unhandle(id)
      },
    },
    router,
    log: silentLogger,
  })
  const dht = new Kademlia(options, {
    network: portOf(parts, wire, attachments),
    store: storage.bookkeeping,
    fleetLabel: () => undefined,
    provides: () => false,
    onPeer: () => undefined,
    onTable: () => undefined,
    log: silentLogger,
    wallMs: Date.now,
    nowMs: () => performance.now(),
  })
  await dht.start()
  return {
    self: libp2p.peerId,
    dht,
    async meet(other) {
      await wire.meet(parts, other.self)
    },
    async stop() {
      wire.leave(parts)
      await dht.stop()
      await libp2p.stop()
      await storage.close()
    },
  }
}

/** The parts of libp2p, whose streams and pings go over the wire. */
function wired(parts: Components, wire: Wire): Components {
  const connectionManager = {
    isDialable: async () => true,
    openStream: (peer: PeerId, protocol: string, wait: AbortOptions) =>
      wire.open(parts, peer, protocol, wait),
  }
  const ping = { ping: async (peer: PeerId) => void (await wire.meet(parts, peer)) }
  const { peerId, privateKey, registrar, addressManager, peerStore, events, logger } = parts
  return {
    peerId,
    privateKey,
    registrar,
    addressManager,
    peerStore,
    events,
    logger,
    connectionManager,
    ping,
  } as unknown as Components
}

/** As much of the network as a DHT needs. */
function portOf(parts: Components, wire: Wire, attachments: Attachments): NetworkPort {
  const port: Partial<NetworkPort> = {
    self: parts.peerId,
    addresses: () => [addressOf(parts.peerId)],
    connections: () => [],
    connectedPeers: () => [],
    value: () => undefined,
    attach: (name, factory, options) => attachments.attach('bench', name, factory, options),
    detach: name => attachments.detach(name),
    async open(peer, { id, maxMessageBytes, idleTimeoutMs }, wait) {
      const stream = await wire.open(parts, peer, id, wait)
      return new PipeChannel(
        { protocol: id, maxMessageBytes, idleTimeoutMs, maySleep: true },
        { peer, pipe: new StreamPipe(stream), report: () => undefined },
      )
    },
  }
  return port as NetworkPort
}
