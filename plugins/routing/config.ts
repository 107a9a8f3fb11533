import type { Schema } from '../../core/api.ts'
import { routingError } from './errors.ts'
import { type MembersConfig, membersSchema } from './members/config.ts'

export interface RoutingConfig {
  readonly members: MembersConfig
  readonly dht: DhtConfig
  readonly provide: ProvideConfig
  readonly lookup: LookupConfig
  readonly delegated: readonly string[]
}

export interface DhtConfig {
  readonly network: 'off' | 'fleet' | 'amino'
  readonly name: string | undefined
  readonly mode: 'auto' | 'client' | 'server'
  readonly bootstrap: readonly string[]
  readonly bucketSize: number
  readonly concurrency: number
  readonly maxLookups: number
  readonly maxRecords: number
  readonly refreshMs: number
}

export interface ProvideConfig {
  readonly what: 'roots' | 'pinned' | 'all' | 'none'
  readonly periodMs: number
  readonly lookupsPerMinute: number
}

export interface LookupConfig {
  readonly dhtDelayMs: number
  readonly delegatedDelayMs: number
  readonly timeoutMs: number
  readonly enough: number
  readonly maxProviders: number
  readonly missMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Records of providers end after 48 hours: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#content-provider-advertisement-and-discovery */
const MAX_PERIOD_MS = 47 * HOUR_MS

export const schema: Schema<RoutingConfig> = {
  members: membersSchema,
  dht: {
    network: {
      doc: 'The Kademlia network to take part in: `fleet` is one of your own nodes, found through those that discovery meets; `amino` is the public one of IPFS; `off` is none.',
      format: ['off', 'fleet', 'amino'],
      default: 'off',
    },
    name: {
      doc: 'Sets networks apart: the protocol is `/<name>/kad/1.0.0`. Left out: `skep`, and in a fleet one of its own. `amino` has a name of its own.',
      format: 'string',
      default: undefined,
    },
    mode: {
      doc: 'A `server` keeps records and answers others, a `client` only asks. `auto` serves while others can dial this node: from the local network for `fleet`, from anywhere for `amino`.',
      format: ['auto', 'client', 'server'],
      default: 'auto',
    },
    bootstrap: {
      doc: 'Nodes of the DHT to begin with where no peer takes part in it, each as a multiaddr that ends in `/p2p/<peer id>`. Empty: for `amino` those of IPFS, for `fleet` nobody but connected peers.',
      format: 'multiaddrs',
      default: [],
    },
    bucketSize: {
      doc: 'Nodes that keep each record, and the size of each bucket of the routing table (`k` in Kademlia). All nodes of a network should have the same.',
      format: 'integer',
      default: 20,
      unit: 'nodes',
      min: 2,
      max: 64,
    },
    concurrency: {
      doc: 'Nodes that one look-up asks at a time (`alpha` in Kademlia).',
      format: 'integer',
      default: 3,
      unit: 'nodes',
      min: 1,
      max: 16,
    },
    maxLookups: {
      doc: 'Look-ups in the DHT at a time; others wait.',
      format: 'integer',
      default: 4,
      unit: 'look-ups',
      min: 1,
      max: 64,
    },
    maxRecords: {
      doc: 'Records kept for others as a server, some hundred bytes each on disk. One peer may hold an eighth of them; where there are too many, the oldest leave.',
      format: 'integer',
      default: 16_384,
      unit: 'records',
      min: 64,
      max: 1_000_000,
    },
    refreshMs: {
      doc: 'How often the routing table is refreshed and nearer neighbours are looked for. Longer is less traffic.',
      format: 'duration',
      default: 30 * MINUTE_MS,
      min: 10_000,
      max: 24 * HOUR_MS,
    },
  },
  provide: {
    what: {
      doc: 'What is announced in the DHT: the `roots` of pins, all that is `pinned`, `all` blocks, or `none`.',
      format: ['roots', 'pinned', 'all', 'none'],
      default: 'roots',
    },
    periodMs: {
      doc: 'Everything is announced again once in this time, spread evenly over it. Records end after 48 hours.',
      format: 'duration',
      default: 22 * HOUR_MS,
      min: MINUTE_MS,
      max: MAX_PERIOD_MS,
    },
    lookupsPerMinute: {
      doc: 'The most look-ups made for announcements in a minute. One serves all keys that lie next to each other.',
      format: 'integer',
      default: 60,
      unit: 'look-ups',
      min: 1,
      max: 6000,
    },
  },
  lookup: {
    dhtDelayMs: {
      doc: 'How long the DHT waits while members that may have the content are known. Where none is, it is asked at once.',
      format: 'duration',
      default: 500,
      min: 0,
      max: MINUTE_MS,
    },
    delegatedDelayMs: {
      doc: 'How long delegated routers wait while cheaper ways of asking are under way.',
      format: 'duration',
      default: 2000,
      min: 0,
      max: MINUTE_MS,
    },
    timeoutMs: {
      doc: 'How long one way of asking may take.',
      format: 'duration',
      default: 15_000,
      min: 100,
      max: 10 * MINUTE_MS,
    },
    enough: {
      doc: 'Providers after which costlier ways of asking are not begun any more.',
      format: 'integer',
      default: 3,
      unit: 'providers',
      min: 1,
      max: 100,
    },
    maxProviders: {
      doc: 'The most providers taken from one way of asking.',
      format: 'integer',
      default: 20,
      unit: 'providers',
      min: 1,
      max: 100,
    },
    missMs: {
      doc: 'How long it is remembered that nobody was found, so that the same question costs nothing.',
      format: 'duration',
      default: 30_000,
      min: 0,
      max: HOUR_MS,
    },
  },
  delegated: {
    doc: 'Servers of the [delegated routing API](https://specs.ipfs.tech/routing/http-routing-v1/) to ask, each as an `http` or `https` URL. They learn what is looked for.',
    format: 'strings',
    default: [],
  },
}

/** @throws SkepError URL_INVALID, NAME_INVALID */
export function validate({ delegated, dht }: RoutingConfig): void {
  for (const text of delegated) {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url?.protocol === 'http:' || url?.protocol === 'https:') continue
    throw routingError('URL_INVALID', `delegated has ${JSON.stringify(text)}, expected an http or https URL`)
  }
  if (dht.name !== undefined && !/^[a-z0-9][a-z0-9.-]*$/.test(dht.name)) {
    const given = JSON.stringify(dht.name)
    throw routingError('NAME_INVALID', `dht.name is ${given}, expected lower case letters, digits, - and .`)
  }
}
