import { type ControlConfig, controlSchema } from '../control/config.ts'
import { FLEET_MODES, type FleetMode } from '../fleet/modes.ts'
import { LOG_LEVELS, type LogLevel } from '../logger.ts'
import { PROBE_AFTER_MS } from '../network/probe-plan.ts'
import { BOOKKEEPING_PERIOD_MS } from '../storage/bookkeeping.ts'
import { PROFILES, type Profile } from './profiles.ts'
import type { Schema } from './schema.ts'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const TiB = 1024 * GiB
const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

/** The core's own keys. */
export interface CoreConfig {
  readonly profile: Profile | 'auto'
  readonly log: { readonly level: LogLevel }
  readonly storage: {
    readonly maxBytes: number
    readonly minFreeDiskBytes: number
    readonly mapBytes: number
    readonly bookkeepingPeriodMs: number
    readonly wear: {
      readonly ratedBytes: number
      readonly fullWrites: number
      readonly minLifeMs: number
    }
    readonly requireMarker: boolean
  }
  readonly network: {
    readonly listen: readonly string[]
    readonly announce: readonly string[]
    readonly maxConnections: number
    readonly lowConnections: number
    readonly maxInboundPerSecond: number
    readonly maxInboundPerSubnet: number
    readonly maxDialsPerSecond: number
    readonly blocked: readonly string[]
    readonly swarmKeyFile: string | undefined
    readonly maxPeers: number
    readonly dialTimeoutMs: number
    readonly probeAfterMs: number
  }
  readonly fleet: { readonly mode: FleetMode; readonly inviteFile: string | undefined }
  readonly control: ControlConfig
  readonly memory: { readonly transferBytes: number }
  readonly host: { readonly startTimeoutMs: number; readonly stopTimeoutMs: number }
}

export const coreSchema: Schema<CoreConfig> = {
  profile: {
    doc: 'The budgets to start from. `auto` picks by memory and cores, container limits counted.',
    format: ['auto', ...PROFILES],
    default: 'auto',
  },
  log: {
    level: {
      doc: 'How much is logged, as JSON lines on stderr.',
      format: LOG_LEVELS,
      default: 'info',
    },
  },
  storage: {
    maxBytes: {
      doc:
        'Disk that the data directory may take, as `du` counts it: blocks, free slots, index, pins and their snapshots. ' +
        'Never passed. The cache makes room within it; what still does not fit is refused.',
      format: 'bytes',
      default: 10 * GiB,
      min: 16 * MiB,
      max: 1024 * TiB,
    },
    minFreeDiskBytes: {
      doc: 'Disk to leave free for everything else on the machine, whatever `storage.maxBytes` says.',
      format: 'bytes',
      default: 512 * MiB,
      min: 0,
      max: 1024 * TiB,
    },
    mapBytes: {
      doc:
        'Address space for the index, which also holds blocks under 32 KiB. It costs no memory or disk until used; ' +
        'where it is full, unpinned blocks make room, and where there are none, writes are refused.',
      format: 'bytes',
      default: 16 * GiB,
      min: 1 * MiB,
      max: 16 * TiB,
    },
    bookkeepingPeriodMs: {
      doc:
        'How often what may be lost is saved, all of it in one write: peers met and where they are, what was written to the ' +
        'card. Longer is less wear; a crash or power cut forgets what came since.',
      format: 'duration',
      default: BOOKKEEPING_PERIOD_MS,
      min: 1 * SECOND,
      max: 1 * DAY,
    },
    wear: {
      ratedBytes: {
        doc:
          'What can be written to the disk in its life, as its maker promises (TBW, or hours of recording times their rate). ' +
          '0: its size times `storage.wear.fullWrites`.',
        format: 'bytes',
        default: 0,
        min: 0,
        max: 8000 * TiB,
      },
      fullWrites: {
        doc:
          'How often a disk of unknown endurance can be written in full. Makers promise some 900 times for cards sold as ' +
          'high-endurance (128 GB: 10,000 hours at 26 Mbit/s) and nothing for others: the default is a third of that.',
        format: 'integer',
        unit: 'times',
        default: 300,
        min: 1,
        max: 1_000_000,
      },
      minLifeMs: {
        doc:
          'Health is degraded while the disk is taken to last less than this, at the pace of the last week or so; not before ' +
          'a day was seen. 0: never.',
        format: 'duration',
        default: 365 * DAY,
        min: 0,
        max: 36_500 * DAY,
      },
    },
    requireMarker: {
      doc:
        'For data on a disk that may be missing: start only where the data directory has the file that ' +
        '`skep init --volume` made, so that nothing is written beneath the mount point instead.',
      format: 'boolean',
      default: false,
    },
  },
  network: {
    listen: {
      doc: 'Where to listen. Port 0 takes a free port at the first start and keeps it.',
      format: 'multiaddrs',
      default: ['/ip4/0.0.0.0/tcp/0'],
    },
    announce: {
      doc: 'Addresses to tell others instead of those found, for instance behind a forwarded port. Empty: those found.',
      format: 'multiaddrs',
      default: [],
    },
    maxConnections: {
      doc:
        'Open connections, both ways: the high mark. Once there are so many the least useful are closed; new ones are refused ' +
        'as long as none can be.',
      format: 'integer',
      unit: 'connections',
      default: 100,
      min: 4,
      max: 10_000,
    },
    lowConnections: {
      doc:
        'The low mark: how many are left when connections are closed because there are too many. Where it is not below ' +
        '`network.maxConnections`, four fifths of that.',
      format: 'integer',
      unit: 'connections',
      default: 80,
      min: 1,
      max: 10_000,
    },
    maxInboundPerSecond: {
      doc: 'New connections taken from one host in a second.',
      format: 'integer',
      unit: 'connections a second',
      default: 5,
      min: 1,
      max: 1000,
    },
    maxInboundPerSubnet: {
      doc:
        'New connections taken in a second from one network of the internet: 256 addresses (a /24) of IPv4, a /56 of IPv6. ' +
        'Hosts of local networks are not counted together.',
      format: 'integer',
      unit: 'connections a second',
      default: 20,
      min: 1,
      max: 10_000,
    },
    maxDialsPerSecond: {
      doc:
        'New connections this node begins in a second, whatever for; more have to wait. Cheap home routers lose track of ' +
        'more than a few.',
      format: 'integer',
      unit: 'connections a second',
      default: 8,
      min: 1,
      max: 1000,
    },
    blocked: {
      doc: 'Who may not connect, in or out: IP addresses, networks such as 192.0.2.0/24, peer ids.',
      format: 'targets',
      default: [],
    },
    swarmKeyFile: {
      doc:
        'A `swarm.key` as Kubo has it: then this node is in a private network, and speaks to those alone who have the same key. ' +
        'Costs every byte one more cipher, and bulk transfers their short cut.',
      format: 'path',
      default: undefined,
    },
    maxPeers: {
      doc: 'Peers remembered, in memory and on disk. The one seen longest ago leaves first.',
      format: 'integer',
      unit: 'peers',
      default: 1000,
      min: 16,
      max: 100_000,
    },
    dialTimeoutMs: {
      doc: 'How long one attempt to connect may take.',
      format: 'duration',
      default: 10 * SECOND,
      min: 100,
      max: 5 * MINUTE,
    },
    probeAfterMs: {
      doc:
        'How long a connected peer may be silent before it is asked whether it is there. With more than a dozen peers they are ' +
        'asked less often, so that all together never cost more than 5 MB a day.',
      format: 'duration',
      default: PROBE_AFTER_MS,
      min: 100,
      max: 10 * MINUTE,
    },
  },
  fleet: {
    mode: {
      doc:
        'Who may connect: `open` is anybody, `closed` members of the fleet alone. In a closed fleet a stranger learns nothing ' +
        'but that something answers; a node in no fleet then connects to nobody until it joins one.',
      format: FLEET_MODES,
      default: 'open',
    },
    inviteFile: {
      doc:
        'A file with an invite, say on the boot partition of a card: a node that is in no fleet joins by it at its start, and ' +
        'erases the file.',
      format: 'path',
      default: undefined,
    },
  },
  control: controlSchema,
  memory: {
    transferBytes: {
      doc: 'Memory for blocks on their way in or out. More makes transfers over slow links faster.',
      format: 'bytes',
      default: 32 * MiB,
      // Two of the largest blocks (2 MiB): one on its way in, one on its way out.
      min: 4 * MiB,
      max: 64 * GiB,
    },
  },
  host: {
    startTimeoutMs: {
      doc: 'How long a plugin may take to start before it counts as failed.',
      format: 'duration',
      default: 30 * SECOND,
      min: 100,
      max: 10 * MINUTE,
    },
    stopTimeoutMs: {
      doc: 'How long a plugin may take to stop before the node goes on without it.',
      format: 'duration',
      default: 10 * SECOND,
      min: 100,
      max: 10 * MINUTE,
    },
  },
}

/** What a plugin's failure means for the node: it runs without it, or doesn't start. */
export type OnFailure = 'degrade' | 'abort'

/** Keys that every plugin has beside its own. */
export interface PluginKeys {
  readonly enabled: boolean
  readonly onFailure: OnFailure
  readonly module: string | undefined
}

export const pluginKeys: Schema<PluginKeys> = {
  enabled: {
    doc: 'Whether the plugin runs. A disabled one is not even loaded.',
    format: 'boolean',
    default: true,
  },
  onFailure: {
    doc: 'What its failure means: `degrade` runs the node without it, `abort` stops the start.',
    format: ['degrade', 'abort'],
    default: 'degrade',
  },
  module: {
    doc: 'Where a plugin of your own comes from: a path (`./…`, relative to the file that says so) or a package name.',
    format: 'string',
    default: undefined,
  },
}
