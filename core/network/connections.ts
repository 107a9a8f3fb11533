import type { ConnectionManagerInit } from 'libp2p'

export interface ConnectionOptions {
  readonly maxConnections: number
  /** Inbound connections one host may open a second. */
  readonly maxInboundPerSecond: number
  readonly dialTimeoutMs: number
}

/** Dials at a time: each holds a socket and a TLS handshake, and a small board does few of these a second. */
const MAX_PARALLEL_DIALS = 16
/** Dials that wait. Discovery can find many peers at once, but what waits longer than a dial takes is stale. */
const MAX_WAITING_DIALS = 128
/** Addresses tried of one peer: those it has, and not a list it made up to keep us busy. */
const MAX_ADDRESSES_PER_PEER = 16
/** One address may not use up the time of all the others. */
const ADDRESS_DIAL_SHARE = 0.6
/** Inbound connections in the middle of a handshake, as a share of all: strangers cost a signature each. */
const MAX_HANDSHAKES_SHARE = 0.25
const MIN_HANDSHAKES = 8
/** A handshake with a Pi Zero on a bad link takes seconds. */
const INBOUND_UPGRADE_TIMEOUT_MS = 10_000
/** Agreeing on a protocol takes a round trip; whoever needs longer holds a stream that nothing counts yet. */
export const NEGOTIATION_TIMEOUT_MS = 10_000
/** How long a close may wait for what is still to be sent. */
const CLOSE_TIMEOUT_MS = 1_000
/** After so long without a word a socket is closed, whatever it is; peers are asked more often than that: `probe-plan.ts`. */
export const SOCKET_IDLE_TIMEOUT_MS = 15 * 60_000

/** libp2p's own bounds on connections and dials. It never dials by itself: peers are tagged to be kept by nobody here. */
export function connectionManager(options: ConnectionOptions): ConnectionManagerInit {
  const { maxConnections, maxInboundPerSecond, dialTimeoutMs } = options
  return {
    maxConnections,
    inboundConnectionThreshold: maxInboundPerSecond,
    maxIncomingPendingConnections: Math.max(MIN_HANDSHAKES, Math.ceil(maxConnections * MAX_HANDSHAKES_SHARE)),
    maxParallelDials: MAX_PARALLEL_DIALS,
    maxDialQueueLength: MAX_WAITING_DIALS,
    maxPeerAddrsToDial: MAX_ADDRESSES_PER_PEER,
    dialTimeout: dialTimeoutMs,
    addressDialTimeout: Math.ceil(dialTimeoutMs * ADDRESS_DIAL_SHARE),
    inboundUpgradeTimeout: INBOUND_UPGRADE_TIMEOUT_MS,
    inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
    outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
    connectionCloseTimeout: CLOSE_TIMEOUT_MS,
  }
}
