import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Logger } from './logger.ts'
import type { NodeStatus } from './state/node-state.ts'

const execute = promisify(execFile)

/** Far above what a loaded board needs to start a small program, far below what a service manager waits for. */
const NOTIFY_TIMEOUT_MS = 10_000

/**
 * Whoever started the node as a service and wants to know how it is: systemd, or another one that speaks its protocol
 * (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html). Where there is none, nothing happens. No call
 * throws: a node whose words don't arrive is logged, and goes on.
 */
export interface ServiceManager {
  /** Tells that the node is up, and from then on, as often as the watchdog asks, that it still is. */
  ready(): Promise<void>
  /** Tells that the node stops, and says no more. */
  stopping(): Promise<void>
}

export interface ServiceManagerOptions {
  /** NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID as the manager gives them, and PATH. */
  readonly env: Readonly<Record<string, string | undefined>>
}

interface ServiceManagerDependencies {
  /** The node as it is now. The watchdog hears nothing while this throws, or while the event loop doesn't turn. */
  readonly status: () => Pick<NodeStatus, 'phase' | 'reasons'>
  readonly log: Logger
}

export function createServiceManager(
  { env }: ServiceManagerOptions,
  { status, log }: ServiceManagerDependencies,
): ServiceManager {
  if (!env.NOTIFY_SOCKET) return { ready: async () => {}, stopping: async () => {} }
  const periodMs = watchdogPeriodMs(env)
  let timer: NodeJS.Timeout | undefined
  let isStopping = false

  /** Node has no datagram sockets of the unix kind, hence the program that comes with systemd. */
  const notify = async (...words: string[]): Promise<void> => {
    try {
      await execute('systemd-notify', words, { env, timeout: NOTIFY_TIMEOUT_MS })
    } catch (err) {
      log.error({ err, words }, 'the service manager was not told')
    }
  }

  const prove = async (word: string): Promise<void> => {
    try {
      await notify(word, `STATUS=${describe(status())}`)
    } catch (err) {
      log.error({ err }, 'the node can not tell how it is, hence the watchdog is told nothing')
    }
    // Half of what the watchdog waits: sd_watchdog_enabled(3).
    if (periodMs !== undefined && !isStopping) timer = setTimeout(prove, periodMs / 2, 'WATCHDOG=1')
  }

  return {
    ready: () => prove('READY=1'),
    async stopping() {
      isStopping = true
      clearTimeout(timer)
      await notify('STOPPING=1', 'STATUS=stopping')
    },
  }
}

/** How long the watchdog waits for a word; undefined where it doesn't watch this process. */
function watchdogPeriodMs({ WATCHDOG_USEC, WATCHDOG_PID }: ServiceManagerOptions['env']): number | undefined {
  if (WATCHDOG_PID && Number(WATCHDOG_PID) !== process.pid) return undefined
  const periodMs = Number(WATCHDOG_USEC) / 1000
  return periodMs > 0 ? periodMs : undefined
}

/** One line. A degraded node is alive, too: a restart would only take away what still works. */
function describe({ phase, reasons }: Pick<NodeStatus, 'phase' | 'reasons'>): string {
  return [phase, ...reasons].join('; ').replaceAll(/\s+/g, ' ')
}
