import { networkInterfaces } from 'node:os'
import type { InterfaceWatchDependencies } from './interface-watch.ts'

/** Time and the machine, as the network sees them. Tests bring their own; a node has {@link systemSurroundings}. */
export interface Surroundings extends InterfaceWatchDependencies {
  /** Calls `run` every `periodMs` until what it returns is called; keeps no process alive. */
  every(periodMs: number, run: () => void): () => void
}

export const systemSurroundings: Surroundings = {
  interfaces: networkInterfaces,
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  every(periodMs, run) {
    const timer = setInterval(run, periodMs).unref()
    return () => clearInterval(timer)
  },
}
