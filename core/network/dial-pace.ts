import type { Transport } from '@libp2p/interface'
import type { Clock } from '../host/clock.ts'
import { networkError } from './errors.ts'

const SECOND_MS = 1000

export interface DialPaceOptions {
  /** Connections begun within any one second. */
  readonly perSecond: number
}

export interface DialPaceDependencies {
  readonly clock: Clock
  /** One had to wait. */
  onWait(): void
}

interface Turn {
  resolve(): void
  reject(reason: unknown): void
}

/**
 * Spaces out the connections that this node begins, whoever wants them: those who come too fast wait in the order they
 * came. No more wait than dials run at a time (`connections.ts`) and lanes are opened, so it needs no bound of its own.
 */
export class DialPace {
  readonly #perSecond: number
  readonly #deps: DialPaceDependencies
  /** When the last ones began, up to `perSecond` of them; the oldest first. */
  readonly #begun: number[] = []
  readonly #waiting = new Set<Turn>()
  readonly #stopped = new AbortController()
  #isServing = false

  constructor({ perSecond }: DialPaceOptions, deps: DialPaceDependencies) {
    this.#perSecond = perSecond
    this.#deps = deps
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Resolves when a connection may begin; rejects with the signal's reason. */
  async turn(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#stopped.signal.throwIfAborted()
    if (this.#waiting.size === 0 && this.#begin()) return
    this.#deps.onWait()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const turn = { resolve, reject }
    const giveUp = (): void => {
      this.#waiting.delete(turn)
      reject(signal?.reason)
    }
    this.#waiting.add(turn)
    signal?.addEventListener('abort', giveUp, { once: true })
    void this.#serve()
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  /** Whoever waits is turned away. Idempotent. */
  stop(): void {
    const reason = networkError('NETWORK_STOPPED', 'the network has stopped')
    this.#stopped.abort(reason)
    for (const turn of this.#waiting) turn.reject(reason)
    this.#waiting.clear()
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return
    this.#isServing = true
    try {
      for (;;) {
        const [first] = this.#waiting
        if (!first) return
        if (this.#begin()) {
          this.#waiting.delete(first)
          first.resolve()
        } else await this.#deps.clock.delay(this.#waitMs(), this.#stopped.signal)
      }
    } catch {
      // Stopped: nobody waits any more.
    } finally {
      this.#isServing = false
    }
  }

  #begin(): boolean {
    if (this.#waitMs() > 0) return false
    if (this.#begun.length === this.#perSecond) this.#begun.shift()
    this.#begun.push(this.#deps.clock.now())
    return true
  }

  #waitMs(): number {
    const [oldest] = this.#begun
    if (oldest === undefined || this.#begun.length < this.#perSecond) return 0
    // Whole milliseconds, rounded up: a timer that fires a moment early would find nothing to do.
    return Math.max(0, Math.ceil(oldest + SECOND_MS - this.#deps.clock.now()))
  }
}

/**
 * A transport whose dials wait for their turn: the one place that all of them pass, also those that libp2p and its services
 * begin. Each has `timeoutMs` from then on.
 */
export function paced<C>(
  create: (components: C) => Transport,
  { pace, timeoutMs }: { readonly pace: DialPace; readonly timeoutMs: number },
): (components: C) => Transport {
  return components => {
    const transport = create(components)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) => {
      await pace.turn(options.signal)
      const limit = new AbortController()
      const timer = setTimeout(() => {
        limit.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError'))
      }, timeoutMs)
      try {
        const signal = options.signal ? AbortSignal.any([options.signal, limit.signal]) : limit.signal
        return await dial(address, { ...options, signal })
      } finally {
        // The connection keeps the signal, and would end with it.
        clearTimeout(timer)
      }
    }
    return transport
  }
}
