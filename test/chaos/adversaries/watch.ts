import { setTimeout as wait } from 'node:timers/promises'
import { anonymousBytesOf } from '../../../scripts/bench/process-sample.ts'
import type { Honest } from './attack.ts'
import type { Victim } from './victim.ts'

const MEMORY_INTERVAL_MS = 50
const READY_INTERVAL_MS = 200

export interface Observations {
  readonly peakAnonymousBytes: number
  /** How often it was asked, and said that it is ready. */
  readonly ready: number
  /** What it said otherwise. */
  readonly unready: readonly string[]
}

/** Looks at a node as long as `stop` hasn't aborted: its memory, and whether it says that it is ready. */
export async function watch(victim: Victim, stop: AbortSignal): Promise<Observations> {
  let peakAnonymousBytes = anonymousBytesOf(victim.pid)
  const sampling = setInterval(() => {
    peakAnonymousBytes = Math.max(peakAnonymousBytes, anonymousBytesOf(victim.pid))
  }, MEMORY_INTERVAL_MS)
  const unready: string[] = []
  let ready = 0
  try {
    do {
      const { status, body } = await victim.readyz().catch(error => ({ status: 0, body: String(error) }))
      if (status === 200) ready++
      else unready.push(`${status}: ${body}`)
      await wait(READY_INTERVAL_MS, undefined, { signal: stop }).catch(() => {})
    } while (!stop.aborted)
  } finally {
    clearInterval(sampling)
  }
  return { peakAnonymousBytes, ready, unready }
}

export interface Transfers {
  /** Whole ones, each of them one in either direction. */
  readonly done: number
  readonly failures: readonly string[]
}

/** Between two transfers: whoever is honest leaves a small board room for others. */
const TRANSFER_PAUSE_MS = 100

/** Transfers one after the other until `stop` aborts, and the one that runs then to its end; or until one fails. */
export async function transferUntil(honest: Honest, stop: AbortSignal): Promise<Transfers> {
  let done = 0
  do {
    try {
      await honest.transfer()
      done++
    } catch (error) {
      return { done, failures: [String(error)] }
    }
    await wait(TRANSFER_PAUSE_MS, undefined, { signal: stop }).catch(() => {})
  } while (!stop.aborted)
  return { done, failures: [] }
}
