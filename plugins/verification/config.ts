import type { Schema } from '../../core/api.ts'

export interface VerificationConfig {
  readonly periodMs: number
  readonly maxBytesPerSecond: number
  readonly onRead: 'never' | 'sample' | 'always'
}

const MIB = 1024 * 1024
const DAY_MS = 86_400_000

export const schema: Schema<VerificationConfig> = {
  periodMs: {
    doc: 'Every block is read and hashed again once in this time, spread evenly over it. Shorter finds damage sooner and reads more.',
    format: 'duration',
    default: 30 * DAY_MS,
    min: 1000,
    max: 365 * DAY_MS,
  },
  maxBytesPerSecond: {
    doc: 'The most that is read in a second, also when there is something to catch up on. Health says where that is too little for the period.',
    format: 'bytes',
    default: 4 * MIB,
    min: 64 * 1024,
    max: 1024 * MIB,
  },
  onRead: {
    doc: 'Whether blocks are hashed as well when they are read for use: not at all, one in 64, or each. Their checksum is looked at every time, whatever this says.',
    format: ['never', 'sample', 'always'],
    default: 'never',
  },
}
