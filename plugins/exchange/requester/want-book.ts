import type { OpenAsk, Want } from './want.ts'

/** All wants, each in one place, and the bytes that are asked for. */
export class WantBook {
  readonly #byKey = new Map<string, Want>()
  /** Those that no peer is asked to send, in the order in which they came. */
  readonly pending = new Set<Want>()
  /** Those for which room is being made. */
  readonly preparing = new Set<Want>()
  /** Those that have room or were asked for before: they come before what is pending. */
  readonly ready = new Set<Want>()
  /** Those that peers owe. */
  readonly flying = new Set<Want>()
  #inFlightBytes = 0

  get size(): number {
    return this.#byKey.size
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  /** Nothing is left to ask for. */
  get isAsked(): boolean {
    return this.pending.size + this.preparing.size + this.ready.size === 0
  }

  get(key: string): Want | undefined {
    return this.#byKey.get(key)
  }

  values(): Iterable<Want> {
    return this.#byKey.values()
  }

  /** What may be asked for, first what comes first. */
  *askable(): Generator<Want> {
    yield* this.ready
    yield* this.pending
  }

  add(want: Want): void {
    this.#byKey.set(want.key, want)
    this.#move(want, this.pending)
  }

  /** False where it is not here. */
  remove(want: Want): boolean {
    if (this.#byKey.get(want.key) !== want) return false
    this.#byKey.delete(want.key)
    this.#move(want)
    return true
  }

  prepare(want: Want): void {
    this.#move(want, this.preparing)
  }

  /** False where it was removed meanwhile. */
  prepared(want: Want): boolean {
    if (!this.preparing.has(want)) return false
    this.#move(want, this.ready)
    return true
  }

  asked(want: Want, peer: string, ask: OpenAsk): void {
    want.asks.set(peer, ask)
    this.#inFlightBytes += ask.bytes
    if (want.place !== this.flying) this.#move(want, this.flying)
  }

  /** `peer` owes this block no longer. */
  landed(want: Want, peer: string, nowMs: number): void {
    const ask = want.asks.get(peer)
    if (!ask) return
    want.asks.delete(peer)
    want.hopeMs = nowMs
    this.#inFlightBytes -= ask.bytes
  }

  /** Puts those that nobody owes any more before all others: they have waited longest. */
  askAgain(wants: Iterable<Want>): void {
    for (const want of wants) if (want.asks.size === 0 && this.flying.has(want)) this.#move(want, this.ready)
  }

  #move(want: Want, to?: Set<Want>): void {
    want.place?.delete(want)
    want.place = to
    to?.add(want)
  }
}
