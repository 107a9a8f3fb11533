/** After the first query; each further wait is twice as long. */
const FIRST_WAIT_MS = 1000

/** Waits vary by as much either way, so that nodes that started together don't ask in step. */
const JITTER = 0.1

/**
 * How long to wait for the next query after `asked` of them since something changed: 1 s, 2 s, 4 s and so on up to
 * `intervalMs`. A node that starts asks at once and all answer so that all hear, so there is nothing to hurry for later.
 *
 * @param random from 0 to below 1
 */
export function queryWaitMs(asked: number, intervalMs: number, random: number): number {
  const waitMs = Math.min(intervalMs, FIRST_WAIT_MS * 2 ** Math.max(0, asked - 1))
  return waitMs * (1 - JITTER + 2 * JITTER * random)
}
