import { closeSync, openSync, readSync } from 'node:fs'

export interface Pauses {
  readonly seconds: number
  /** The longest time that the event loop did not come round. */
  readonly pauseMs: number
  /** The same, without the time in which this thread waited for a processor that others had. */
  readonly ownPauseMs: number
  /** The most processor time that this thread used between two turns of the event loop. */
  readonly busyMs: number
}

const TICK_MS = 1

/** Watches the event loop of this process from now on; for the main thread. */
export function watchPauses(): { end(): Pauses } {
  const startedMs = performance.now()
  const queue = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  let lastMs = startedMs
  let lastQueuedMs = queuedMs(queue)
  let lastCpu = process.threadCpuUsage()
  let pauseMs = 0
  let ownPauseMs = 0
  let busyMs = 0
  const look = (): void => {
    const nowMs = performance.now()
    const nowQueuedMs = queuedMs(queue)
    const pause = nowMs - lastMs - TICK_MS
    pauseMs = Math.max(pauseMs, pause)
    ownPauseMs = Math.max(ownPauseMs, pause - (nowQueuedMs - lastQueuedMs))
    const { user, system } = process.threadCpuUsage(lastCpu)
    busyMs = Math.max(busyMs, (user + system) / 1000)
    lastCpu = process.threadCpuUsage()
    lastMs = performance.now()
    lastQueuedMs = nowQueuedMs
  }
  const ticking = setInterval(look, TICK_MS)
  return {
    end() {
      look()
      clearInterval(ticking)
      closeSync(queue)
      return { seconds: (performance.now() - startedMs) / 1000, pauseMs, ownPauseMs, busyMs }
    },
  }
}

const text = Buffer.alloc(128)

/** How long the thread waited on a run queue so far: the second figure, in nanoseconds (sched-stats in the kernel's docs). */
function queuedMs(file: number): number {
  const length = readSync(file, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6
}
