import { setTimeout } from 'node:timers/promises'

/** What a part that waits and keeps dates needs. Tests bring their own. */
export interface Clock {
  /** Monotonic. */
  nowMs(): number
  /** Since 1970, as far as the board knows. */
  wallMs(): number
  /** Rejects where `signal` aborts first. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  async wait(ms, signal) {
    await setTimeout(ms, undefined, { signal, ref: false })
  },
}
