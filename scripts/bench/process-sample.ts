import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const SAMPLE_INTERVAL_MS = 100
const clockTicksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** User and system CPU seconds that a process has used so far, with those of children that have ended (proc(5): stat). */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return ticks / clockTicksPerSecond
}

/**
 * Anonymous resident bytes: what the process itself allocated, without files it has mapped (proc(5): status, RssAnon). 0 for
 * one that has ended.
 */
export function anonymousBytesOf(pid: number): number {
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0) * 1024
}

export interface Usage {
  readonly seconds: number
  /** All processes together. */
  readonly cpuSeconds: number
  /** Highest anonymous memory of the first process. */
  readonly peakAnonymousBytes: number
}

/** Runs `work` and tells what `pids` used meanwhile; memory is that of the first. */
export async function measure(
  pids: readonly [number, ...number[]],
  work: () => Promise<void>,
): Promise<Usage> {
  const cpuTotal = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  let peakAnonymousBytes = anonymousBytesOf(pids[0])
  const sampling = setInterval(() => {
    peakAnonymousBytes = Math.max(peakAnonymousBytes, anonymousBytesOf(pids[0]))
  }, SAMPLE_INTERVAL_MS)
  const cpuBefore = cpuTotal()
  const startedAt = performance.now()
  try {
    await work()
    const seconds = (performance.now() - startedAt) / 1000
    return { seconds, cpuSeconds: cpuTotal() - cpuBefore, peakAnonymousBytes }
  } finally {
    clearInterval(sampling)
  }
}

/** Empties the page cache, so that a run reads from disk. Needs root; says so where it can't. */
export function dropPageCache(): void {
  execFileSync('sync')
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3')
  } catch (error) {
    throw new Error('a cold run needs root, to empty the page cache', { cause: error })
  }
}
