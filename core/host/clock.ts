import { setTimeout as wait } from 'node:timers/promises'

/**
 * Time as the host sees it. Tests bring their own; a node has {@link systemClock}. Unlike those of `core/clock.ts` its waits keep the
 * process alive: where nothing else does, a plugin that never stops would be told of nowhere.
 */
export interface Clock {
  /** Milliseconds on a clock that only goes forward. */
  now(): number
  /** Resolves after `ms`, or rejects once `signal` aborts, whichever is first. */
  delay(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  delay: (ms, signal) => wait(ms, undefined, { signal }),
}

/**
 * What `work` gives within `limitMs`. Where it takes longer, rejects with what `late` makes, and nobody hears of `work`
 * again; where `signal` aborts first, rejects with its reason.
 */
export async function within<T>(
  limitMs: number,
  work: () => Promise<T>,
  late: () => Error,
  clock: Clock,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted()
  const settled = new AbortController()
  const over = signal ? AbortSignal.any([settled.signal, signal]) : settled.signal
  const limit = async (): Promise<never> => {
    try {
      await clock.delay(limitMs, over)
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    }
    throw late()
  }
  try {
    return await Promise.race([work(), limit()])
  } finally {
    settled.abort()
  }
}
