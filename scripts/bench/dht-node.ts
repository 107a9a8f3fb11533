import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type {
  ConnectionEncrypter,
  Libp2p,
  MessageStream,
  PeerId,
  SecureConnectionOptions,
} from '@libp2p/interface'
import { memory } from '@libp2p/memory'
import { ping } from '@libp2p/ping'
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

const MIB = 1024 * 1024
/** Above what all nodes of the largest network together have. */
const MAX_CONNECTIONS = 100_000

/** One node of a Kademlia network, as the plugin makes it, over libp2p in this process: no sockets, no encryption. */
export interface DhtNode {
  readonly self: PeerId
  readonly dht: Kademlia
  meet(other: DhtNode): Promise<void>
  readonly libp2p: Libp2p
  stop(): Promise<void>
}

export async function startDhtNode(name: string, options: DhtConfig): Promise<DhtNode> {
  const router = new LateRouter()
  let components: Components | undefined
  const libp2p = await createLibp2p({
    logger: libp2pLogger(silentLogger),
    addresses: { listen: [`/memory/${name}`] },
    transports: [memory()],
    connectionEncrypters: [() => unencrypted],
    streamMuxers: [yamux()],
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: MAX_CONNECTIONS,
      maxIncomingPendingConnections: MAX_CONNECTIONS,
    },
    connectionMonitor: { enabled: false },
    peerRouters: [() => router],
    services: {
      identify: identify(),
      ping: ping(),
      parts: parts => {
        components = parts as unknown as Components
        return {}
      },
    },
  })
  if (!components) throw new TypeError('libp2p made no services')
  const parts = components
  const storage = createMemoryStorage({ maxBytes: 16 * MIB })
  const attachments = new Attachments({ components: () => parts, router, log: silentLogger })
  const dht = new Kademlia(options, {
    network: portOf(libp2p, attachments),
    store: storage.bookkeeping,
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
    libp2p,
    async meet(other) {
      await libp2p.dial(other.libp2p.getMultiaddrs())
    },
    async stop() {
      await dht.stop()
      await libp2p.stop()
      await storage.close()
    },
  }
}

/** As much of the network as a DHT needs. */
function portOf(libp2p: Libp2p, attachments: Attachments): NetworkPort {
  const port: Partial<NetworkPort> = {
    self: libp2p.peerId,
    addresses: () => libp2p.getMultiaddrs(),
    connections: peer => libp2p.getConnections(peer),
    connectedPeers: () => libp2p.getPeers(),
    protocolsOf: async () => undefined,
    value: () => undefined,
    attach: (name, factory, options) => attachments.attach('bench', name, factory, options),
    detach: name => attachments.detach(name),
    async open(peer, { id, maxMessageBytes }, wait) {
      const stream = await libp2p.dialProtocol(peer, id, wait)
      return new PipeChannel(
        { protocol: id, maxMessageBytes },
        { peer, pipe: new StreamPipe(stream), report: () => undefined },
      )
    },
  }
  return port as NetworkPort
}

/** Within a process nobody listens in, and the transport says who is at the other end. */
const unencrypted: ConnectionEncrypter = {
  protocol: '/skep-bench/plaintext',
  secureInbound: secured,
  secureOutbound: secured,
}

async function secured<S extends MessageStream>(
  connection: S,
  { remotePeer }: SecureConnectionOptions = {},
): ReturnType<ConnectionEncrypter['secureInbound']> {
  if (!remotePeer) throw new TypeError('the address names no peer')
  return { connection, remotePeer }
}
