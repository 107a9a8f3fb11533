import type { BandwidthConfig } from './config.ts'

/** How much of the monthly volume is used. */
export type Level = 'normal' | 'nearly-spent' | 'spent'

/** What metered peers get. Bytes a second; infinite where nothing is capped. */
export interface Limits {
  readonly uploadBytesPerSecond: number
  readonly downloadBytesPerSecond: number
  readonly serves: boolean
  readonly fetches: boolean
}

/** Early enough to be told of it, late enough to be meant. */
const NEARLY_SPENT_SHARE = 0.8

export function levelOf(usedBytes: number, budgetBytes: number | undefined): Level {
  if (budgetBytes === undefined || usedBytes < budgetBytes * NEARLY_SPENT_SHARE) return 'normal'
  return usedBytes < budgetBytes ? 'nearly-spent' : 'spent'
}

/** What applies at `level`. */
export function limitsAt(level: Level, config: BandwidthConfig): Limits {
  const action = actionAt(level, config)
  const cap = (bytesPerSecond = Number.POSITIVE_INFINITY): number =>
    action === 'slow' ? Math.min(bytesPerSecond, config.slowBytesPerSecond) : bytesPerSecond
  return {
    uploadBytesPerSecond: cap(config.uploadBytesPerSecond),
    downloadBytesPerSecond: cap(config.downloadBytesPerSecond),
    serves: action !== 'stop-serving' && action !== 'stop',
    fetches: action !== 'stop',
  }
}

/** True where something may ever be capped or stopped. */
export function limitsAnything(config: BandwidthConfig): boolean {
  const { uploadBytesPerSecond, downloadBytesPerSecond, monthlyBytes } = config
  return (
    uploadBytesPerSecond !== undefined || downloadBytesPerSecond !== undefined || monthlyBytes !== undefined
  )
}

function actionAt(level: Level, config: BandwidthConfig): BandwidthConfig['onSpent'] {
  if (level === 'spent') return config.onSpent
  return level === 'nearly-spent' ? config.onNearlySpent : 'warn'
}
