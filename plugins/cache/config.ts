import type { Schema } from '../../core/api.ts'

export interface CacheConfig {
  readonly headroomBytes: number
  readonly sliceBlocks: number
  readonly sliceBytes: number
  readonly maxUnsavedTouches: number
  readonly savePeriodMs: number
}

const MIB = 1024 * 1024

export const schema: Schema<CacheConfig> = {
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
  maxUnsavedTouches: {
    doc: 'Reads and writes remembered in memory before they are written to the order on disk. More is less wear; a crash forgets what is unsaved.',
    format: 'integer',
    default: 1024,
    unit: 'blocks',
    min: 1,
    max: 65_536,
  },
  savePeriodMs: {
    doc: 'How often remembered reads and writes are saved. Longer is less wear; a crash forgets more.',
    format: 'duration',
    default: 60_000,
    min: 100,
    max: 86_400_000,
  },
}
