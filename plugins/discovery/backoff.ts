export interface BackoffLimits {
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
}

/**
 * How long to wait after `failures` failed dials in a row: twice as long each time, the later half of it by chance, so
 * that nodes that lost the same peer don't come back in step.
 *
 * @param random from 0 to below 1
 */
export function redialDelayMs(
  failures: number,
  { minBackoffMs, maxBackoffMs }: BackoffLimits,
  random: number,
): number {
  const fullMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.max(0, failures - 1))
  return (fullMs / 2) * (1 + random)
}
