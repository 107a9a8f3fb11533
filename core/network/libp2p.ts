import { noise } from '@chainsafe/libp2p-noise'
import { type Identify, identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PeerRouting, PrivateKey } from '@libp2p/interface'
import { mplex } from '@libp2p/mplex'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import type { Datastore } from 'interface-datastore'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'
import type { Logger } from '../logger.ts'
import { boundedYamux } from './bounded-yamux.ts'
import {
  addressTimeoutMs,
  type ConnectionOptions,
  connectionManager,
  SOCKET_IDLE_TIMEOUT_MS,
  socketLimit,
} from './connections.ts'
import { type DialPace, paced } from './dial-pace.ts'
import { libp2pLogger } from './libp2p-logger.ts'
import { NativeTls } from './native-tls.ts'
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
/** Streams one connection may have: far more than all protocols allow together, so that ours are the limits that count. */
const MAX_STREAMS_PER_CONNECTION = 256
/** Streams opened before the muxer's owner listens; libp2p ends the connection beyond it. */
const MAX_EARLY_STREAMS = 16
/** Mplex has no flow control, so a peer that opens streams faster than this is cut off. */
const MPLEX_STREAMS_PER_SECOND = 50
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
  readonly gater: ConnectionGater
  readonly pace: DialPace
  readonly peerRouting: Partial<PeerRouting>
  readonly log: Logger
}

export interface Libp2pNode {
  readonly libp2p: Libp2p<{ identify: Identify; ping: Ping }>
  readonly components: Components
}

/** Builds libp2p as skep uses it; not started yet. The only place that does. */
export async function buildLibp2p(options: Libp2pOptions, deps: Libp2pDependencies): Promise<Libp2pNode> {
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
        tcp({
          inboundSocketInactivityTimeout: SOCKET_IDLE_TIMEOUT_MS,
          outboundSocketInactivityTimeout: SOCKET_IDLE_TIMEOUT_MS,
          maxConnections: socketLimit(options),
        }),
        { pace: deps.pace, timeoutMs: addressTimeoutMs(options) },
      ),
    ],
    connectionEncrypters: [parts => new NativeTls(deps.tls, parts), noise()],
    streamMuxers: [
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
      mplex({ disconnectThreshold: MPLEX_STREAMS_PER_SECOND }),
    ],
    peerRouters: [() => deps.peerRouting as PeerRouting],
    services: {
      identify: identify({ maxMessageSize: MAX_IDENTIFY_BYTES }),
      ping: ping(),
      // libp2p shows its parts to services alone.
      parts: parts => {
        components = parts
        return {}
      },
    },
  })
  if (!components) throw new TypeError('libp2p made no services')
  return { libp2p, components }
}
