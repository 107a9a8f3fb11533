import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** What waits for a process learns at once that it was killed. */
const CLEAN_UP_MS = 10_000

/**
 * Runs `work`. Where it takes longer than `limitMs`, kills every process that this one has started, which ends what waits for
 * them, and throws an error that says `what` took so long.
 */
export async function withinLimit<T>(what: string, limitMs: number, work: () => Promise<T>): Promise<T> {
  const over = new AbortController()
  const running = work()
  const settled = running.then(
    () => false,
    () => false,
  )
  const isLate = await Promise.race([
    settled,
    setTimeout(limitMs, true, { signal: over.signal }).catch(() => true),
  ])
  over.abort()
  if (!isLate) return await running
  killDescendants()
  await Promise.race([settled, setTimeout(CLEAN_UP_MS, undefined, { ref: false })])
  throw new Error(`${what}: not done after ${limitMs / 1000} s, and killed`)
}

function killDescendants(): void {
  const parents = parentsOfAll()
  const doomed = new Set([process.pid])
  // A set is walked with what is added meanwhile.
  for (const pid of doomed) {
    for (const [child, parent] of parents) if (parent === pid) doomed.add(child)
  }
  doomed.delete(process.pid)
  for (const pid of doomed) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

/** The parent of each process of the machine (proc(5): stat). */
function parentsOfAll(): Map<number, number> {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It has ended meanwhile.
    }
  }
  return parents
}
