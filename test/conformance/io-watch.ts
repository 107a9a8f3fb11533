import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { setTimeout as wait } from 'node:timers/promises'

/** A timer, socket, server, … as Node's async hooks show it. */
interface Resource {
  hasRef?(): boolean
}

interface Opened {
  readonly kind: string
  readonly resource: Resource
  /** The innermost places of the program that opened it. */
  readonly stack: string
}

/** Closing a socket takes a few turns, libp2p's address book saves a second late. What stays longer was forgotten. */
const SETTLE_MS = 3000
const INTERVAL_MS = 10
const STACK_LINES = 3

/** Sees what a piece of the program opens: timers, files, sockets. */
export interface IoWatch {
  /** Runs `work` and watches it, and all that follows from it. */
  run<T>(work: () => T): T
  /** All that was opened until now: its kind, and where. */
  opened(): string[]
  /** Waits for all to close that keeps the process alive; tells what doesn't. */
  remaining(): Promise<string[]>
  close(): void
}

export function watchIo(): IoWatch {
  const inside = new AsyncLocalStorage<boolean>()
  const all: Opened[] = []
  const open = new Map<number, Opened>()
  const hook = createHook({
    init(id, kind, _trigger, resource: Resource) {
      if (!inside.getStore() || !isOutside(kind, resource)) return
      const opened = { kind, resource, stack: callers() }
      all.push(opened)
      open.set(id, opened)
    },
    destroy(id) {
      open.delete(id)
    },
  }).enable()
  const active = (): string[] =>
    [...open.values()].filter(({ resource }) => resource.hasRef?.()).map(describe)
  return {
    run: work => inside.run(true, work),
    opened: () => all.map(describe),
    async remaining() {
      const deadlineMs = performance.now() + SETTLE_MS
      while (active().length > 0 && performance.now() < deadlineMs) await wait(INTERVAL_MS)
      return active()
    },
    close() {
      hook.disable()
    },
  }
}

/** Has a name like a system call, but is none; or is only memory until it is used, and then keeps nothing alive. */
const HARMLESS = new Set(['PROMISE', 'ELDHISTOGRAM'])

/** Timers and handles can keep a process alive; system calls have names in capitals. */
function isOutside(kind: string, resource: Resource): boolean {
  return !HARMLESS.has(kind) && (typeof resource.hasRef === 'function' || /^[A-Z]+$/.test(kind))
}

function callers(): string {
  const lines = new Error().stack?.split('\n').slice(1) ?? []
  return lines
    .filter(line => !line.includes('node:') && !line.includes(import.meta.url))
    .slice(0, STACK_LINES)
    .map(line => line.trim())
    .join(' ')
}

function describe({ kind, stack }: Opened): string {
  return `${kind} ${stack}`
}
