/**
 * Who may open a stream of a protocol: anybody; those that count as our own, by the roster, or where there is no fleet by how they
 * were met (`Discovery.isMember`); members of the fleet that this node is in; or those of them who run it, which are the board
 * with the owner key and those it delegates to. Streams of others are reset.
 */
export type Trust = 'anyone' | 'own' | 'fleet' | 'operator'

/** One row of the node's protocol table. Every limit is enforced by the one `handle` wrapper. */
export interface Protocol {
  /** `/skep/<name>/<major.minor.patch>` */
  readonly id: string
  /** Bytes of one length-prefixed message, without raw payload. */
  readonly maxMessageBytes: number
  /** How long an inbound stream may go without a byte in either direction. */
  readonly idleTimeoutMs: number
  /** Inbound streams one peer may have open at a time. */
  readonly maxStreamsPerPeer: number
  /** Inbound streams one peer may open a second, on average; bursts of twice that. */
  readonly streamsPerSecond: number
  readonly trust: Trust
}

/** A handled protocol, as the status shows it. */
export interface ProtocolRow extends Protocol {
  /** Who handles it: a plugin's name. */
  readonly owner: string
  readonly openStreams: number
}
