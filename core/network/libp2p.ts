import { noise } from '@chainsafe/libp2p-noise'
import { type Identify, identify } from '@libp2p/identify'
import type { ConnectionGater, ConnectionProtector, Libp2p, PeerRouting, PrivateKey } from '@libp2p/interface'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import type { Datastore } from 'interface-datastore'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'
import type { Logger } from '../logger.ts'
import type { KeyValueStore } from '../storage/storage.ts'
import { boundAddresses } from './address-limit.ts'
import { boundBase58 } from './base58-bounds.ts'
import { boundedMplex } from './bounded-mplex.ts'
import { boundedYamux } from './bounded-yamux.ts'
import {
  addressTimeoutMs,
  type ConnectionOptions,
  connectionManager,
  SOCKET_IDLE_TIMEOUT_MS,
  socketLimit,
} from './connections.ts'
import { type DialPace, paced } from './dial-pace.ts'
import type { Doorstep } from './doorstep.ts'
import { keepingPorts } from './kept-ports.ts'
import { guardedEncrypter, guardedMuxer, guardedTransport } from './length-guard.ts'
import { libp2pLogger } from './libp2p-logger.ts'
import { NativeTls } from './native-tls.ts'
import { type ServiceTable, tabled } from './services.ts'
import type { SwarmKey } from './swarm-key.ts'
import type { TlsIdentity } from './tls-identity.ts'

/** libp2p's live parts, which attached services are made of. */
export type Components = Parameters<ServiceFactoryMap[string]>[0]

/**
 * Bytes one stream may have on the way before it hears back. Blocks are up to 2 MiB, and 1 MiB fills a 100 Mbit/s link
 * with a round trip of 80 ms. A stream that nobody reads holds as much in memory, so more costs small boards.
 */
const STREAM_WINDOW_BYTES = 1024 * 1024
/** What a stream starts with; the yamux specification fixes it. */
const INITIAL_WINDOW_BYTES = 256 * 1024
/** https://github.com/hashicorp/yamux/blob/master/spec.md#framing */
const FRAME_HEADER_BYTES = 12
/** Streams one connection may have, each way: more than a peer may, so that ours is the limit that counts: `peer-quota.ts`. */
const MAX_STREAMS_PER_CONNECTION = 256
/** Streams opened before the muxer's owner listens; libp2p ends the connection beyond it. */
const MAX_EARLY_STREAMS = 16
/** Mplex has no flow control, so a peer that opens streams faster than this is cut off. */
const MPLEX_STREAMS_PER_SECOND = 50
/** Whom the table of protocols names for libp2p's own. */
const OWNER = 'libp2p'
/** Identify tells at most so much: enough for the protocols and addresses of a big node. */
const MAX_IDENTIFY_BYTES = 8 * 1024

export interface Libp2pOptions extends ConnectionOptions {
  readonly listen: readonly string[]
  /** Addresses to tell others instead of those listened on. */
  readonly announce: readonly string[]
  /** Name and version others see. */
  readonly agent: string
}

export interface Libp2pDependencies {
  readonly privateKey: PrivateKey
  readonly tls: TlsIdentity
  readonly datastore: Datastore
  /** Keeps the ports listened on. */
  readonly store: KeyValueStore
  readonly gater: ConnectionGater
  readonly pace: DialPace
  readonly doorstep: Doorstep
  /** Takes in the protocols that identify and ping handle. */
  readonly table: ServiceTable
  readonly peerRouting: Partial<PeerRouting>
  /** Of a private network, where the node is in one. */
  readonly swarmKey?: SwarmKey
  readonly log: Logger
}

export interface Libp2pNode {
  readonly libp2p: Libp2p<{ identify: Identify; ping: Ping }>
  readonly components: Components
}

/** Builds libp2p as skep uses it; not started yet. The only place that does. */
export async function buildLibp2p(options: Libp2pOptions, deps: Libp2pDependencies): Promise<Libp2pNode> {
  boundBase58()
  let components: Components | undefined
  const libp2p = await createLibp2p({
    start: false,
    privateKey: deps.privateKey,
    datastore: deps.datastore,
    logger: libp2pLogger(deps.log),
    nodeInfo: { userAgent: options.agent },
    addresses: { listen: [...options.listen], announce: [...options.announce] },
    connectionGater: deps.gater,
    connectionManager: connectionManager(options),
    // It pings everybody, by a stream each, whether they are silent or not: `peer-probes.ts` does it for a tenth.
    connectionMonitor: { enabled: false },
    transports: [
      paced(
        guardedTransport<Components>(
          deps.doorstep.guarded(
            keepingPorts(
              tcp({
                inboundSocketInactivityTimeout: SOCKET_IDLE_TIMEOUT_MS,
                outboundSocketInactivityTimeout: SOCKET_IDLE_TIMEOUT_MS,
                maxConnections: socketLimit(options),
              }),
              deps.store,
            ),
          ),
        ),
        { pace: deps.pace, timeoutMs: addressTimeoutMs(options) },
      ),
    ],
    ...(deps.swarmKey && { connectionProtector: await protectorOf(deps.swarmKey) }),
    connectionEncrypters: [
      guardedEncrypter(parts => new NativeTls(deps.tls, parts)),
      guardedEncrypter(noise()),
    ],
    streamMuxers: [
      guardedMuxer(
        boundedYamux({
          maxFrameBytes: STREAM_WINDOW_BYTES + FRAME_HEADER_BYTES,
          // Ours measure the round trip for the windows, and only of those who are silent: `peer-probes.ts`.
          enableKeepAlive: false,
          maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
          maxOutboundStreams: MAX_STREAMS_PER_CONNECTION,
          maxEarlyStreams: MAX_EARLY_STREAMS,
          streamOptions: {
            initialStreamWindowSize: INITIAL_WINDOW_BYTES,
            maxStreamWindowSize: STREAM_WINDOW_BYTES,
          },
        }),
      ),
      guardedMuxer(boundedMplex({ disconnectThreshold: MPLEX_STREAMS_PER_SECOND })),
    ],
    peerRouters: [() => deps.peerRouting as PeerRouting],
    services: {
      identify: (parts: Components) =>
        identify({ maxMessageSize: MAX_IDENTIFY_BYTES })(tabled(parts, deps.table, OWNER)),
      ping: (parts: Components) => ping()(tabled(parts, deps.table, OWNER)),
      // libp2p shows its parts to services alone.
      parts: (parts: Components) => {
        components = parts
        return {}
      },
    },
  })
  if (!components) throw new TypeError('libp2p made no services')
  boundAddresses(libp2p.peerStore, libp2p.peerId)
  return { libp2p, components }
}

/** Loaded where it is needed, which is rarely. */
async function protectorOf(key: SwarmKey): Promise<() => ConnectionProtector> {
  const { SwarmProtector } = await import('./swarm-protector.ts')
  return () => new SwarmProtector(key)
}
