import type { Protocol } from '../network/protocols.ts'

/** Bytes of one message: with its length in front it fits into one frame of a muxer. */
export const MAX_CHUNK_BYTES = 60 * 1024

/** How often a board that has nothing to send says that it is still there: `skep events` may be silent for days. */
export const KEEPALIVE_MS = 30_000

/** Tunnels of all peers that a board serves at a time, and that it has open: more would be a mistake in a script. */
export const MAX_TUNNELS = 64

/** A tunnel from the control client of one board to the control API of another. */
export const CONTROL: Protocol = {
  id: '/skep/control/1.0.0',
  maxMessageBytes: MAX_CHUNK_BYTES,
  // Several times the keepalive: one that is late ends nothing.
  idleTimeoutMs: 4 * KEEPALIVE_MS,
  // Each command has one; commands in parallel are few.
  maxStreamsPerPeer: 16,
  // `skep add` of many small files opens them one after the other, as fast as they are stored.
  streamsPerSecond: 200,
  trust: 'operator',
}

/** Says that the tunnel is open, or that the sender is still there. */
export const NOTHING = new Uint8Array(0)
