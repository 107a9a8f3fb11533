import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import type { Schema } from '../../core/api.ts'
import { discoveryError } from './errors.ts'

export interface DiscoveryConfig {
  readonly mdns: MdnsConfig
  readonly bootstrap: readonly string[]
  readonly exchange: ExchangeConfig
  readonly maxCandidates: number
  readonly dial: DialConfig
}

export interface MdnsConfig {
  readonly enabled: boolean
  readonly serviceTag: string | undefined
  readonly intervalMs: number
}

export interface ExchangeConfig {
  readonly enabled: boolean
  readonly intervalMs: number
}

export interface DialConfig {
  readonly targetPeers: number
  readonly targetMembers: number
  readonly maxParallel: number
  readonly perSecond: number
  readonly jitterMs: number
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
}

const HOUR_MS = 3_600_000

export const schema: Schema<DiscoveryConfig> = {
  mdns: {
    enabled: {
      doc: 'Find neighbours on the local network by multicast DNS, and be found by them.',
      format: 'boolean',
      default: true,
    },
    serviceTag: {
      doc:
        'The name that neighbours ask for. Nodes with another one stay apart; `_p2p._udp.local` is that of every libp2p program. ' +
        'Left out: `_skep._udp.local`, in a fleet one of its own as well, in a closed fleet that one alone.',
      format: 'string',
      default: undefined,
    },
    intervalMs: {
      doc: 'How often neighbours are asked for where nothing changes; one node asks for all. A node that starts, or whose networks changed, asks at once and often.',
      format: 'duration',
      default: 300_000,
      min: 1000,
      max: HOUR_MS,
    },
  },
  bootstrap: {
    doc: 'Peers to begin with where no neighbour is found, each as a multiaddr that ends in `/p2p/<peer id>`.',
    format: 'multiaddrs',
    default: [],
  },
  exchange: {
    enabled: {
      doc: 'Tell connected peers of each other, and be told by them.',
      format: 'boolean',
      default: true,
    },
    intervalMs: {
      doc: 'How often each connected peer is asked for others, by chance half more or less. What is new is told at once anyway.',
      format: 'duration',
      default: HOUR_MS,
      min: 10_000,
      max: 24 * HOUR_MS,
    },
  },
  maxCandidates: {
    doc: 'Peers that may be dialed, connected or not. One that failed makes room for a new one.',
    format: 'integer',
    default: 1024,
    unit: 'peers',
    min: 1,
    max: 100_000,
  },
  dial: {
    targetPeers: {
      doc: 'Connected peers that are enough: from then on no strangers are dialed. Others may still connect to this node.',
      format: 'integer',
      default: 16,
      unit: 'peers',
      min: 0,
      max: 1000,
    },
    targetMembers: {
      doc: 'Connected peers that are enough where those of our own are concerned: up to it they are dialed even if `dial.targetPeers` are connected. Stay below `network.lowConnections`.',
      format: 'integer',
      default: 48,
      unit: 'peers',
      min: 0,
      max: 1000,
    },
    maxParallel: {
      doc: 'Dials under way at a time.',
      format: 'integer',
      default: 4,
      unit: 'dials',
      min: 1,
      max: 100,
    },
    perSecond: {
      doc: 'Dials begun in a second. A handshake is the most costly thing that a stranger can make a small board do.',
      format: 'number',
      default: 4,
      unit: 'dials',
      min: 0.01,
      max: 1000,
    },
    jitterMs: {
      doc: 'A peer just found is dialed after a random part of this, so that two nodes that find each other rarely dial both ways, and a fleet that boots together does not dial in step.',
      format: 'duration',
      default: 500,
      min: 0,
      max: 60_000,
    },
    minBackoffMs: {
      doc: 'About how long to wait after the first failed dial; it doubles with each further one.',
      format: 'duration',
      default: 5000,
      min: 10,
      max: HOUR_MS,
    },
    maxBackoffMs: {
      doc: 'The longest wait between two dials of one peer.',
      format: 'duration',
      default: 600_000,
      min: 10,
      max: 24 * HOUR_MS,
    },
  },
}

/** A DNS-SD service name: one label of at most 15 characters, the transport, and the only domain that mDNS serves. */
const SERVICE_TAG = /^_[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?\._(?:udp|tcp)\.local$/i

/** @throws SkepError DISCOVERY_CONFIG_INVALID */
export function validate({ mdns, bootstrap, dial }: Readonly<DiscoveryConfig>): void {
  if (mdns.serviceTag !== undefined && !SERVICE_TAG.test(mdns.serviceTag)) {
    throw discoveryError(
      'DISCOVERY_CONFIG_INVALID',
      `mdns.serviceTag is '${mdns.serviceTag}', expected a name like '_skep._udp.local'`,
    )
  }
  for (const address of bootstrap) {
    if (multiaddr(address).getComponents().at(-1)?.code === CODE_P2P) continue
    throw discoveryError(
      'DISCOVERY_CONFIG_INVALID',
      `bootstrap has '${address}', expected an address that ends in /p2p/<peer id>`,
    )
  }
  if (dial.minBackoffMs > dial.maxBackoffMs) {
    throw discoveryError(
      'DISCOVERY_CONFIG_INVALID',
      `dial.minBackoffMs is ${dial.minBackoffMs}, expected at most dial.maxBackoffMs, which is ${dial.maxBackoffMs}`,
    )
  }
}
