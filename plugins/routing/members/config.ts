import type { Schema } from '../../../core/api.ts'

export interface MembersConfig {
  readonly maxPeers: number
  readonly maxBlocksPerPeer: number
  readonly maxBytes: number
  readonly keepMs: number
}

const MIB = 1024 * 1024
const HOUR_MS = 3_600_000

export const membersSchema: Schema<MembersConfig> = {
  maxPeers: {
    doc: 'Members whose blocks are known at a time. Those that were of least use are left out.',
    format: 'integer',
    default: 32,
    unit: 'members',
    min: 0,
    max: 1000,
  },
  maxBlocksPerPeer: {
    doc: 'Blocks known of one member, at up to 9 bytes each. A member with more is known in part.',
    format: 'integer',
    default: 500_000,
    unit: 'blocks',
    min: 1,
    max: 10_000_000,
  },
  maxBytes: {
    doc: 'Memory for what is known of all members. Where it is too little, those that were of least use are left out.',
    format: 'bytes',
    default: 16 * MIB,
    min: 64 * 1024,
    max: 1024 * MIB,
  },
  keepMs: {
    doc: 'How long a member that left is remembered with its blocks. If it is back by then it tells only what has changed.',
    format: 'duration',
    default: HOUR_MS,
    min: 0,
    max: 7 * 24 * HOUR_MS,
  },
}
