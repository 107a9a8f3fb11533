import type { Listener, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { networkError } from './errors.ts'
import type { GateRule } from './gate.ts'
import { type Handshake, makeRoom, originAt } from './handshakes.ts'
import type { InboundRate } from './inbound-rate.ts'
import { ipOf } from './ip-network.ts'

/** A handshake older than that may be cut for whoever comes: a Pi Zero needs half a second. */
const GRACE_MS = 2_000

export interface DoorstepOptions {
  /** Handshakes at a time. */
  readonly maxHandshakes: number
  /** From the accept of the socket to the end of the handshake. */
  readonly timeoutMs: number
}

export interface DoorstepDependencies {
  /** Monotonic. */
  nowMs(): number
  readonly rate: Pick<InboundRate, 'admits'>
  /** A socket was refused for its rate, or a handshake cut to make room for another. */
  onRefuse(reason: 'rate' | 'handshakes'): void
}

interface Pending extends Handshake {
  readonly cut: AbortController
  isHeld: boolean
}

/** A handshake that somebody else than libp2p goes on with. */
export interface HeldHandshake {
  /** Aborted when its time is over, or others need the place. */
  readonly signal: AbortSignal
  /** It is over, one way or the other. Idempotent. */
  release(): void
}

/**
 * Where sockets stand between their accept and the end of the handshake, bounded so that nobody can fill it for others. Those
 * that come too fast are reset before libp2p has done anything for them; who goes where it is full is decided in
 * `handshakes.ts`. Neither costs any cryptography.
 */
export class Doorstep {
  readonly #options: DoorstepOptions
  readonly #deps: DoorstepDependencies
  readonly #pending = new Set<Pending>()
  readonly #cuts = new WeakMap<MultiaddrConnection, AbortController>()
  readonly #entered = new WeakMap<MultiaddrConnection, Pending>()

  constructor(options: DoorstepOptions, deps: DoorstepDependencies) {
    this.#options = options
    this.#deps = deps
  }

  /** Asked of inbound connections when nobody knows yet who they are, after the rules that refuse a host altogether. */
  readonly rule: GateRule = { denyInboundConnection: raw => !this.#admits(raw) }

  /** Handshakes under way. */
  get size(): number {
    return this.#pending.size
  }

  /** A transport whose inbound connections pass here: the one place that shows where a handshake begins and ends. */
  guarded<C>(create: (components: C) => Transport): (components: C) => Transport {
    return components => {
      const transport = create(components)
      const createListener = transport.createListener.bind(transport)
      transport.createListener = (options): Listener =>
        createListener({ ...options, upgrader: this.#watched(options.upgrader) })
      return transport
    }
  }

  /** Has the handshake of `raw` count on when libp2p is done with it. */
  hold(raw: MultiaddrConnection): HeldHandshake {
    const pending = this.#entered.get(raw)
    if (!pending) throw new TypeError('a connection that did not pass the gate')
    pending.isHeld = true
    const restMs = Math.max(1, Math.ceil(pending.sinceMs + this.#options.timeoutMs - this.#deps.nowMs()))
    return {
      signal: AbortSignal.any([pending.cut.signal, AbortSignal.timeout(restMs)]),
      release: () => void this.#pending.delete(pending),
    }
  }

  #watched(upgrader: Upgrader): Upgrader {
    const { rate, onRefuse } = this.#deps
    const upgradeInbound: Upgrader['upgradeInbound'] = async (raw, options) => {
      const address = ipOf(raw.remoteAddr)
      if (address && !rate.admits(address)) {
        onRefuse('rate')
        throw networkError('STREAM_CLOSED', 'it connects too fast')
      }
      const cut = new AbortController()
      this.#cuts.set(raw, cut)
      try {
        const signal = options?.signal ? AbortSignal.any([options.signal, cut.signal]) : cut.signal
        await upgrader.upgradeInbound(raw, { ...options, signal })
      } finally {
        const pending = this.#entered.get(raw)
        if (pending && !pending.isHeld) this.#pending.delete(pending)
      }
    }
    return Object.create(upgrader, { upgradeInbound: { value: upgradeInbound } })
  }

  #admits(raw: MultiaddrConnection): boolean {
    const cut = this.#cuts.get(raw)
    // Relayed: the relay's connection is the one that counts.
    if (!cut) return true
    const origin = originAt(raw.remoteAddr)
    const nowMs = this.#deps.nowMs()
    const room = makeRoom(this.#pending, origin, nowMs, {
      max: this.#options.maxHandshakes,
      graceMs: GRACE_MS,
    })
    if (room === undefined) return false
    if (room !== 'none') this.#cut(room)
    const pending = { origin, sinceMs: nowMs, cut, isHeld: false }
    this.#pending.add(pending)
    this.#entered.set(raw, pending)
    // Whoever hangs up gives the place back, though libp2p may wait on for what won't come.
    raw.addEventListener('close', () => this.#pending.delete(pending), { once: true })
    return true
  }

  #cut(pending: Pending): void {
    this.#pending.delete(pending)
    this.#deps.onRefuse('handshakes')
    pending.cut.abort(networkError('STREAM_CLOSED', 'the handshake took long, and others wait'))
  }
}
