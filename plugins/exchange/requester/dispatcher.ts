import { Mode } from '../wire/codec.ts'
import type { Fetch } from './fetch.ts'
import type { Link } from './link.ts'
import type { LinkTable } from './link-table.ts'
import { assign, isHolder, type Move, probe, steal } from './planner.ts'
import { byRarity } from './rarity.ts'
import type { Want } from './want.ts'
import type { WantBook } from './want-book.ts'

export interface DispatcherOptions {
  readonly maxBytesInFlight: number
  /** Of this node: nodes that fetch the same begin with different blocks. */
  readonly seed: number
}

export interface DispatcherDependencies {
  readonly wants: WantBook
  readonly links: LinkTable
  /** Nobody waited for it any more once there was room. */
  abandoned(want: Want): void
  /** A second peer is asked for a block. */
  stolen(): void
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** Asks peers for what is wanted, as the planner says, once there is room for what they are asked. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #deps: DispatcherDependencies
  #planning: NodeJS.Immediate | undefined
  #stopped = false

  constructor(options: DispatcherOptions, deps: DispatcherDependencies) {
    this.#options = options
    this.#deps = deps
  }

  /** Plans once for all that happens in this turn of the event loop. */
  plan(): void {
    const { pending, ready } = this.#deps.wants
    if (this.#stopped || pending.size + ready.size === 0) return
    this.#planning ??= setImmediate(() => {
      this.#planning = undefined
      this.#carryOut(this.#moves(this.#deps.links.usable()))
    })
  }

  /** Asks others for what is late, and in the endgame for what they would bring sooner. */
  speedUp(): void {
    const { wants, links, stolen, now } = this.#deps
    const usable = links.usable()
    const moves = steal(wants.flying, usable, {
      roomBytes: this.#roomBytes,
      metered: links.meteredRoom(usable),
      nowMs: now(),
      endgame: wants.isAsked,
    })
    for (const { mode } of moves) if (mode === 'BLOCK') stolen()
    this.#carryOut(moves)
  }

  stop(): void {
    this.#stopped = true
    clearImmediate(this.#planning)
  }

  /** While room is made for some, others are only looked for: they would be given the same places. */
  #moves(usable: readonly Link[]): Move<Want>[] {
    const { wants, links } = this.#deps
    const ranked = (some: Iterable<Want>): Iterable<Want> => byRarity(some, usable, this.#options.seed)
    const room = [this.#roomBytes, links.meteredRoom(usable)] as const
    if (wants.preparing.size === 0) return assign(ranked(wants.askable()), usable, ...room)
    return [...assign(ranked(wants.ready), usable, ...room), ...probe(wants.pending, usable)]
  }

  get #roomBytes(): number {
    return this.#options.maxBytesInFlight - this.#deps.wants.inFlightBytes
  }

  /** Where somebody has no room yet, all that he waits for is put off until he has. */
  #carryOut(moves: Iterable<Move<Want>>): void {
    const unready = new Map<Fetch, Move<Want>[]>()
    for (const move of moves) {
      const { want, peer, mode } = move
      const link = this.#deps.links.get(peer)
      if (!link) continue
      const waiting = mode === 'BLOCK' && want.asks.size === 0 ? want.withoutRoom : undefined
      if (mode === 'HAVE') this.#look(link, want)
      else if (!waiting) this.#ask(link, move)
      else {
        const others = unready.get(waiting)
        if (others) others.push(move)
        else unready.set(waiting, [move])
      }
    }
    for (const [fetch, put] of unready) void this.#prepare(fetch, put)
  }

  #look(link: Link, want: Want): void {
    want.standings.set(link.id, 'asked')
    link.ask(want, Mode.HAVE)
  }

  #ask(link: Link, { want, etaMs }: Move<Want>): void {
    const sinceMs = this.#deps.now()
    const { bytes } = want
    const patient = want.isPatientWith(link.id)
    const id = link.ask(want, Mode.BLOCK)
    this.#deps.wants.asked(want, link.id, { id, bytes, patient, sinceMs, dueMs: sinceMs + etaMs })
  }

  /** Has room made for blocks before they are asked for. */
  async #prepare(fetch: Fetch, moves: readonly Move<Want>[]): Promise<void> {
    const { wants, links, abandoned, now } = this.#deps
    for (const { want } of moves) wants.prepare(want)
    await fetch.makeRoom()
    const usable = new Set(links.usable())
    const good: Move<Want>[] = []
    for (const move of moves) {
      const { want } = move
      if (!wants.prepared(want)) continue
      want.hopeMs = now()
      if (!want.waiting) abandoned(want)
      else if (this.#isGood(move, usable)) good.push(move)
    }
    this.#carryOut(good)
    this.plan()
  }

  /** A move that was planned some time ago. */
  #isGood({ want, peer }: Move<Want>, usable: ReadonlySet<Link>): boolean {
    const link = this.#deps.links.get(peer)
    if (!link || !usable.has(link) || !isHolder(want, peer)) return false
    return link.outstandingBytes === 0 || link.roomBytes >= want.bytes
  }
}
