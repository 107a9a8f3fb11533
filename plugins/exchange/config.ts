import type { Schema } from '../../core/api.ts'
import { type BandwidthConfig, bandwidthSchema } from './bandwidth/config.ts'

export interface BitswapConfig {
  readonly enabled: boolean
}

export interface ExchangeConfig {
  readonly maxBytesInFlight: number
  readonly maxWindowBytes: number
  readonly findTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly distrustMs: number
  readonly maxReadAheadBytes: number
  readonly bandwidth: BandwidthConfig
  readonly bitswap: BitswapConfig
}

const MIB = 1024 * 1024

/** Room for one block of the largest size beside another: less, and a reader waits for each write to end. */
const MIN_WINDOW_BYTES = 4 * MIB

export const exchangeSchema: Schema<ExchangeConfig> = {
  maxBytesInFlight: {
    doc: 'Block bytes asked of all peers together and not yet received. More hides the latency of many peers.',
    format: 'bytes',
    default: 64 * MIB,
    min: MIN_WINDOW_BYTES,
    max: 1024 * MIB,
  },
  maxWindowBytes: {
    doc: 'Block bytes asked of one peer and not yet received, once it has proved fast. Bandwidth times round trip time is enough.',
    format: 'bytes',
    default: 8 * MIB,
    min: MIN_WINDOW_BYTES,
    max: 1024 * MIB,
  },
  findTimeoutMs: {
    doc: 'How long a block waits for a peer that has it before the fetch fails.',
    format: 'duration',
    default: 20_000,
    min: 100,
    max: 3_600_000,
  },
  stallTimeoutMs: {
    doc: 'How long a peer that owes blocks may deliver none before its stream is closed. Others are asked long before that.',
    format: 'duration',
    default: 30_000,
    min: 100,
    max: 600_000,
  },
  distrustMs: {
    doc: 'How long a peer that sent wrong bytes is not asked for anything.',
    format: 'duration',
    default: 3_600_000,
    min: 1_000,
    max: 604_800_000,
  },
  maxReadAheadBytes: {
    doc: 'Block bytes read for other peers and not yet taken by the network. Held back from the memory budget, a quarter of it at most.',
    format: 'bytes',
    default: 8 * MIB,
    min: MIN_WINDOW_BYTES,
    max: 1024 * MIB,
  },
  bandwidth: bandwidthSchema,
  bitswap: {
    enabled: {
      doc: 'Whether peers that speak Bitswap 1.2 and not our own protocol, as Kubo and Helia do, are served and asked.',
      format: 'boolean',
      default: true,
    },
  },
}
