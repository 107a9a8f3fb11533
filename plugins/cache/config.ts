import type { Schema } from '../../core/api.ts'
import { DEFAULT_STRATEGY, STRATEGIES, type Strategy } from './policies/ranking.ts'

export interface CacheConfig {
  readonly strategy: Strategy
  readonly headroomBytes: number
  readonly sliceBlocks: number
  readonly sliceBytes: number
  readonly maxTrackedBlocks: number
  readonly savePeriodMs: number
}

const MIB = 1024 * 1024

export const schema: Schema<CacheConfig> = {
  strategy: {
    doc: 'Which unpinned blocks make room first. `tinylfu` keeps what is used often and is best on most loads; `s3fifo` and `sieve` are simpler; `lru` keeps what was used last.',
    format: STRATEGIES,
    default: DEFAULT_STRATEGY,
  },
  headroomBytes: {
    doc: 'Least room made at a time, so that a full store does not pay a disk flush for every block that comes in. At most a 64th of `storage.maxBytes` is used of it.',
    format: 'bytes',
    default: 8 * MIB,
    min: 0,
    max: 1024 * MIB,
  },
  sliceBlocks: {
    doc: 'Most blocks looked at, and deleted, before other work gets its turn.',
    format: 'integer',
    default: 64,
    unit: 'blocks',
    min: 1,
    max: 4096,
  },
  sliceBytes: {
    doc: 'Most bytes deleted before other work gets its turn. One block may pass it.',
    format: 'bytes',
    default: 32 * MIB,
    min: 1,
    max: 1024 * MIB,
  },
  maxTrackedBlocks: {
    doc: 'Blocks whose use is remembered, at 30 bytes of memory each. Where the store holds more, those that would go next are forgotten, and go first.',
    format: 'integer',
    default: 262_144,
    unit: 'blocks',
    min: 1024,
    max: 16_777_216,
  },
  savePeriodMs: {
    doc: 'How often what is known of use is saved, at least; 17 bytes a block. Longer is less wear; a crash forgets more.',
    format: 'duration',
    default: 600_000,
    min: 100,
    max: 86_400_000,
  },
}
