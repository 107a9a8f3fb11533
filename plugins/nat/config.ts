import type { Schema } from '../../core/api.ts'

/** Whom this node relays for. */
export type RelayTrust = 'off' | 'members' | 'anyone'

export interface NatConfig {
  readonly upnp: UpnpConfig
  readonly autonat: AutonatConfig
  readonly relay: RelayConfig
  readonly holePunching: boolean
}

export interface UpnpConfig {
  readonly enabled: boolean
  readonly maxRetryMs: number
}

export interface AutonatConfig {
  readonly enabled: boolean
  readonly checkPeriodMs: number
  readonly serve: boolean
  readonly maxServedPerMinute: number
}

export interface RelayConfig {
  readonly client: boolean
  readonly maxRelays: number
  readonly server: RelayTrust
  readonly maxReservations: number
  readonly maxBytes: number
  readonly maxDurationMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

export const schema: Schema<NatConfig> = {
  upnp: {
    enabled: {
      doc: 'Ask the router by UPnP (IGD 2) to forward a port to this node, for as long as it runs.',
      format: 'boolean',
      default: true,
    },
    maxRetryMs: {
      doc: 'The longest wait before a router is searched for again, or asked again; the first is a minute, and each doubles.',
      format: 'duration',
      default: 6 * HOUR_MS,
      min: MINUTE_MS,
      max: 24 * HOUR_MS,
    },
  },
  autonat: {
    enabled: {
      doc: 'Have peers outside the local network try whether they can connect to this node. Without, nobody knows whether it can be reached: no relay is used, and what a router forwards is told to others unchecked.',
      format: 'boolean',
      default: true,
    },
    checkPeriodMs: {
      doc: 'How long a verdict holds; then, or when addresses or networks change, peers are asked again.',
      format: 'duration',
      default: 6 * HOUR_MS,
      min: MINUTE_MS,
      max: 7 * 24 * HOUR_MS,
    },
    serve: {
      doc: 'Try for others whether they can be reached. Each try is a connection to them, and up to 100 kB that they send.',
      format: 'boolean',
      default: true,
    },
    maxServedPerMinute: {
      doc: 'Tries for others in a minute, all of them together. Further ones are refused.',
      format: 'integer',
      default: 12,
      unit: 'tries',
      min: 1,
      max: 6000,
    },
  },
  relay: {
    client: {
      doc: 'While this node cannot be reached, be reachable through a connected peer that relays, and connect to others through theirs.',
      format: 'boolean',
      default: true,
    },
    maxRelays: {
      doc: 'Relays to be reachable through at a time. Each is a connection that is kept.',
      format: 'integer',
      default: 2,
      unit: 'relays',
      min: 1,
      max: 16,
    },
    server: {
      doc: 'Whom to relay for once this node is known to be reachable: nobody (`off`), peers that belong to it (`members`), or `anyone`, with a quarter of the places kept for members.',
      format: ['off', 'members', 'anyone'],
      default: 'members',
    },
    maxReservations: {
      doc: 'Peers that this node relays for at a time.',
      format: 'integer',
      default: 16,
      unit: 'peers',
      min: 1,
      max: 1024,
    },
    maxBytes: {
      doc: 'Bytes that one relayed connection may carry: enough for two peers to agree on a direct one, too little for content.',
      format: 'bytes',
      default: 128 * 1024,
      min: 16 * 1024,
      max: 1024 ** 3,
    },
    maxDurationMs: {
      doc: 'How long one relayed connection may last.',
      format: 'duration',
      default: 2 * MINUTE_MS,
      min: 10_000,
      max: HOUR_MS,
    },
  },
  holePunching: {
    doc: 'Make direct connections out of relayed ones (DCUtR): both sides connect at the same moment, so that both routers take it for an answer.',
    format: 'boolean',
    default: true,
  },
}
