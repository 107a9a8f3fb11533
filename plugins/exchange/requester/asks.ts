import { Mode } from '../wire/codec.ts'
import { Meter } from './meter.ts'
import type { Want } from './want.ts'

/** One question to a peer. */
export interface Asked {
  readonly id: number
  readonly want: Want
  readonly mode: Mode
  /** What it counts against the window. */
  readonly bytes: number
  readonly sinceMs: number
  cancelled: boolean
  sent: boolean
}

/** Pauses after a stream broke or the peer was busy: doubled each time in a row, from the first to the last. */
const FIRST_PAUSE_MS = 100
const LAST_PAUSE_MS = 10_000

const LATENCY_WEIGHT = 0.25
const INITIAL_LATENCY_MS = 10

/** What one peer was asked and hasn't answered, and what that taught about it: its speed, its latency, when to try again. */
export class Asks {
  readonly meter: Meter
  readonly #now: () => number
  readonly #open = new Map<number, Asked>()
  /** Of those open, how many are to bring a block. */
  #blocks = 0
  #lastId = 0
  #deliveredBytes = 0
  #movedMs = 0
  #latencyMs = INITIAL_LATENCY_MS
  #pauses = 0
  #pausedUntilMs = 0

  constructor({ maxWindowBytes }: { maxWindowBytes: number }, { now }: { now: () => number }) {
    this.meter = new Meter(maxWindowBytes)
    this.#now = now
  }

  get size(): number {
    return this.#open.size
  }

  get latencyMs(): number {
    return this.#latencyMs
  }

  get usable(): boolean {
    return this.#now() >= this.#pausedUntilMs
  }

  /** Since a block was answered, where one is owed: whoever says that it has more has brought nothing by that. */
  get quietMs(): number {
    return this.#open.size === 0 ? 0 : this.#now() - this.#movedMs
  }

  get idleMs(): number {
    return this.#now() - this.#movedMs
  }

  /** Block bytes that came since all was forgotten last. */
  get deliveredBytes(): number {
    return this.#deliveredBytes
  }

  get(id: number): Asked | undefined {
    return this.#open.get(id)
  }

  /** `bytes`: those of the block that it should bring; 0 for a question. */
  add(want: Want, mode: Mode, bytes: number): Asked {
    const nowMs = this.#now()
    const isBlock = mode === Mode.BLOCK
    if (this.#open.size === 0 || (isBlock && this.#blocks === 0)) this.#movedMs = nowMs
    if (isBlock) this.#blocks++
    const asked = { id: this.#nextId(), want, mode, bytes, sinceMs: nowMs, cancelled: false, sent: false }
    this.#open.set(asked.id, asked)
    this.meter.asked(bytes, nowMs)
    return asked
  }

  /** Answered, or no answer is expected any more; `deliveredBytes` came. */
  settle({ id, mode, bytes }: Asked, deliveredBytes: number): void {
    if (!this.#open.delete(id)) return
    const isBlock = mode === Mode.BLOCK
    if (isBlock || this.#blocks === 0) this.#movedMs = this.#now()
    if (isBlock) this.#blocks--
    this.meter.settled(bytes, deliveredBytes)
    this.#deliveredBytes += deliveredBytes
  }

  /** A question that costs the peer next to nothing was answered. */
  heard({ sinceMs }: Asked): void {
    this.#latencyMs += (this.#now() - sinceMs - this.#latencyMs) * LATENCY_WEIGHT
  }

  /** A block came: what went wrong before is over. */
  thrive(): void {
    this.#pauses = 0
  }

  learn(): void {
    this.meter.learn(this.#now())
  }

  ease(): void {
    if (!this.usable) return
    this.meter.ease()
    this.pause()
  }

  pause(): void {
    this.pauseFor(Math.min(FIRST_PAUSE_MS * 2 ** this.#pauses, LAST_PAUSE_MS))
    this.#pauses++
  }

  pauseFor(durationMs: number): void {
    this.#pausedUntilMs = this.#now() + durationMs
  }

  /** Forgets all that is open; returns it. */
  clear(): Asked[] {
    const all = [...this.#open.values()]
    this.#open.clear()
    this.#blocks = 0
    this.#deliveredBytes = 0
    this.meter.reset()
    return all
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#open.has(this.#lastId))
    return this.#lastId
  }
}

/** The wants among `asks` that still count. */
export function owedOf(asks: readonly Asked[]): Set<Want> {
  return new Set(asks.filter(({ cancelled }) => !cancelled).map(({ want }) => want))
}
