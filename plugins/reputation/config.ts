import type { Schema } from '../../core/api.ts'
import type { BanOptions } from './ban-policy.ts'
import { reputationError } from './errors.ts'

export type ReputationConfig = BanOptions

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export const schema: Schema<ReputationConfig> = {
  banMs: {
    doc: 'How long a peer is kept out the first time. Each further ban is four times as long as the one before.',
    format: 'duration',
    default: HOUR_MS,
    min: 1000,
    max: 365 * DAY_MS,
  },
  maxBanMs: {
    doc: 'No ban is longer, not even the tenth. Time while the node is off does not count.',
    format: 'duration',
    default: 7 * DAY_MS,
    min: 1000,
    max: 365 * DAY_MS,
  },
}

/** @throws SkepError BAN_TIMES_INVALID */
export function validate({ banMs, maxBanMs }: ReputationConfig): void {
  if (banMs <= maxBanMs) return
  throw reputationError(
    'BAN_TIMES_INVALID',
    `banMs is ${banMs} ms, which is longer than maxBanMs with ${maxBanMs} ms`,
  )
}
