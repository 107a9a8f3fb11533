import type { Schema } from '../../../core/api.ts'

export interface BandwidthConfig {
  readonly uploadBytesPerSecond: number | undefined
  readonly downloadBytesPerSecond: number | undefined
  readonly monthlyBytes: number | undefined
  readonly monthStartDay: number
  readonly onNearlySpent: 'warn' | 'slow'
  readonly onSpent: 'warn' | 'slow' | 'stop-serving' | 'stop'
  readonly slowBytesPerSecond: number
  readonly exemptLan: boolean
}

const KB = 1000
const MB = 1000 ** 2
const GB = 1000 ** 3
const TB = 1000 ** 4

/** A block of 2 MiB takes 26 s: peers wait 30 s before they take it for lost. */
const MIN_BYTES_PER_SECOND = 80 * KB
const MAX_BYTES_PER_SECOND = 100 * GB

export const bandwidthSchema: Schema<BandwidthConfig> = {
  uploadBytesPerSecond: {
    doc: 'Bytes a second sent to all metered peers together. Left out: no cap.',
    format: 'bytes',
    default: undefined,
    min: MIN_BYTES_PER_SECOND,
    max: MAX_BYTES_PER_SECOND,
  },
  downloadBytesPerSecond: {
    doc: 'Bytes a second received from all metered peers together. Left out: no cap.',
    format: 'bytes',
    default: undefined,
    min: MIN_BYTES_PER_SECOND,
    max: MAX_BYTES_PER_SECOND,
  },
  monthlyBytes: {
    doc: 'What may be exchanged with metered peers in a month, both directions together. Left out: any amount.',
    format: 'bytes',
    default: undefined,
    min: MB,
    max: 1000 * TB,
  },
  monthStartDay: {
    doc: 'The day on which the volume starts anew, at 00:00 UTC: that of the contract for the line.',
    format: 'integer',
    unit: 'days into the month',
    default: 1,
    min: 1,
    max: 28,
  },
  onNearlySpent: {
    doc: 'What to do from 80 % of the monthly volume on: say so, or also keep to `slowBytesPerSecond`.',
    format: ['warn', 'slow'],
    default: 'warn',
  },
  onSpent: {
    doc: 'What to do when the monthly volume is used up: say so, keep to `slowBytesPerSecond`, serve metered peers no more, or neither serve nor ask them.',
    format: ['warn', 'slow', 'stop-serving', 'stop'],
    default: 'stop-serving',
  },
  slowBytesPerSecond: {
    doc: 'The cap for each direction while `slow` applies. A lower cap stays.',
    format: 'bytes',
    default: 256 * KB,
    min: MIN_BYTES_PER_SECOND,
    max: MAX_BYTES_PER_SECOND,
  },
  exemptLan: {
    doc: 'Peers on the local network are not metered: no cap, and no part of the volume.',
    format: 'boolean',
    default: true,
  },
}
