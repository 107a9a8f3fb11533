import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../../core/host/clock.ts'

interface Sleeper {
  readonly dueMs: number
  wake(): void
}

export interface ManualClock extends Clock {
  /** Waits under way, the soonest first, in milliseconds from now. */
  sleeping(): number[]
  /** Lets time pass, then lets what that woke run. */
  advance(ms: number): Promise<void>
}

/** Time that passes only when a test says so. */
export function createManualClock(): ManualClock {
  let nowMs = 0
  const sleepers = new Set<Sleeper>()
  return {
    now: () => nowMs,
    delay: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const sleeper = { dueMs: nowMs + ms, wake: resolve }
        sleepers.add(sleeper)
        signal.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          reject(signal.reason)
        })
      }),
    sleeping: () => [...sleepers].map(({ dueMs }) => dueMs - nowMs).sort((a, b) => a - b),
    async advance(ms) {
      nowMs += ms
      for (const sleeper of sleepers) {
        if (sleeper.dueMs > nowMs) continue
        sleepers.delete(sleeper)
        sleeper.wake()
      }
      await turn()
    },
  }
}
