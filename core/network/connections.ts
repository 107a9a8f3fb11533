import type { ConnectionManagerInit } from 'libp2p'
import type { TrimMarks } from './trim-plan.ts'

/** Lanes at a time, in and out: each is a socket and a TLS engine. */
export const MAX_LANES = 64

export interface ConnectionOptions {
  /** The high mark: from there on they are trimmed, and no more let in. */
  readonly maxConnections: number
  /** What a trim leaves; where it isn't below the high mark, four fifths of that. */
  readonly lowConnections: number
  /** Inbound connections one host may open a second: an address of IPv4, a /64 of IPv6. */
  readonly maxInboundPerSecond: number
  /** Inbound connections one network of the internet may open a second. */
  readonly maxInboundPerSubnet: number
  /** Connections begun a second, whoever wants them. */
  readonly maxDialsPerSecond: number
  readonly dialTimeoutMs: number
}

/** Dials at a time: each holds a socket and a TLS handshake, and a small board does few of these a second. */
const MAX_PARALLEL_DIALS = 16
/** So many seconds' worth of dials run at a time, at most: waiting for a turn may not use up the time there is to connect. */
const MAX_TURN_SECONDS = 2
/** Dials that wait. Discovery can find many peers at once, but what waits longer than a dial takes is stale. */
const MAX_WAITING_DIALS = 128
/** Addresses tried of one peer: those it has, and not a list it made up to keep us busy. */
const MAX_ADDRESSES_PER_PEER = 16
/** One address may not use up the time of all the others. */
const ADDRESS_DIAL_SHARE = 0.6
/** Inbound connections in the middle of a handshake, as a share of all: strangers cost a signature each. */
const MAX_HANDSHAKES_SHARE = 0.25
const MIN_HANDSHAKES = 8
/** Of the high mark, where the low one says nothing. */
const LOW_SHARE = 0.8
/** From the accept of the socket to the muxer. A handshake with a Pi Zero on a bad link takes seconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000
/** Agreeing on a protocol takes a round trip; whoever needs longer holds a stream that nothing counts yet. */
export const NEGOTIATION_TIMEOUT_MS = 10_000
/** How long a close may wait for what is still to be sent. */
const CLOSE_TIMEOUT_MS = 1_000
/** After so long without a word a socket is closed, whatever it is; peers are asked more often than that: `probe-plan.ts`. */
export const SOCKET_IDLE_TIMEOUT_MS = 15 * 60_000

/** The marks that count. */
export function trimMarks({ maxConnections, lowConnections }: ConnectionOptions): TrimMarks {
  const low = lowConnections < maxConnections ? lowConnections : Math.floor(maxConnections * LOW_SHARE)
  return { low, high: maxConnections }
}

/** Inbound ones at a time. */
export function maxHandshakes({ maxConnections }: ConnectionOptions): number {
  return Math.max(MIN_HANDSHAKES, Math.ceil(maxConnections * MAX_HANDSHAKES_SHARE))
}

/**
 * libp2p has a limit of its own, and prunes by what it knows. It lies beyond what dials and handshakes under way can add to the
 * high mark, so that it is never met: `connection-keeper.ts` refuses and trims before.
 */
function libp2pLimit(options: ConnectionOptions): number {
  return options.maxConnections + 2 * maxHandshakes(options) + MAX_PARALLEL_DIALS
}

/** How long one address may take to answer. */
export function addressTimeoutMs({ dialTimeoutMs }: ConnectionOptions): number {
  return Math.ceil(dialTimeoutMs * ADDRESS_DIAL_SHARE)
}

/** Sockets that one listener takes: a last resort, since who comes beyond it hears nothing. */
export function socketLimit(options: ConnectionOptions): number {
  return libp2pLimit(options) + MAX_LANES
}

/** libp2p's own bounds on connections and dials. It never dials by itself: peers are tagged to be kept by nobody here. */
export function connectionManager(options: ConnectionOptions): ConnectionManagerInit {
  const { maxInboundPerSecond, maxDialsPerSecond, dialTimeoutMs } = options
  return {
    maxConnections: libp2pLimit(options),
    // Twice ours, of `inbound-rate.ts` and `doorstep.ts`: never met by TCP, which leaves those that come through a relay.
    inboundConnectionThreshold: 2 * maxInboundPerSecond,
    maxIncomingPendingConnections: 2 * maxHandshakes(options),
    maxParallelDials: Math.min(MAX_PARALLEL_DIALS, maxDialsPerSecond * MAX_TURN_SECONDS),
    maxDialQueueLength: MAX_WAITING_DIALS,
    maxPeerAddrsToDial: MAX_ADDRESSES_PER_PEER,
    dialTimeout: dialTimeoutMs,
    // What counts is from its turn on, which libp2p doesn't know: `addressTimeoutMs`.
    addressDialTimeout: dialTimeoutMs,
    inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
    inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
    outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
    connectionCloseTimeout: CLOSE_TIMEOUT_MS,
  }
}
