/**
 * Who is asked for what. Pure: the requester shows its wants and peers, and carries out the moves.
 *
 * A want goes to the holder that should deliver first. Peers that nobody asked yet are asked whether they have it: all of
 * them while no holder is known, now and then otherwise, so that a peer which joins late is found.
 */

/** What a peer is known to be for one want. Absent: not asked. `left`: has it, but others need it more for a while. */
export type Standing = 'asked' | 'has' | 'left' | 'missing' | 'failed'

/** A block asked of a peer. Milliseconds of one monotonic clock. */
export interface Ask {
  readonly sinceMs: number
  /** When it should arrive, as estimated when it was asked. */
  readonly dueMs: number
}

export interface PlannedWant {
  /** Payload bytes: known, hinted or guessed. */
  readonly bytes: number
  readonly standings: ReadonlyMap<string, Standing>
  /** By peer; at most {@link MAX_ASKS}. */
  readonly asks: ReadonlyMap<string, Ask>
  /** Some bits of its hash: the same on every node. */
  readonly digest: number
  /** True while it doesn't matter which of such wants comes first. */
  readonly anyOrder: boolean
  /** Position among its session's wants. */
  readonly ordinal: number
  readonly session: PlannedSession
}

export interface PlannedSession {
  /** Peers that had all they were asked for: asked for the next ones without asking whether they have them. */
  readonly providers: ReadonlySet<string>
  /** Peers that had some and lacked others: asked of each want whether they have it, and told by them when they do. */
  readonly sharers: ReadonlySet<string>
  /** Peers that lacked something, sharers among them: they may be fetching the same. */
  readonly lacking: ReadonlySet<string>
  /** The ordinal from which a peer that had nothing so far may be asked again, where a holder is known. */
  readonly probeFrom: ReadonlyMap<string, number>
}

export interface PlannedPeer {
  readonly id: string
  /** Bytes and wants that may still be asked of it. */
  readonly roomBytes: number
  readonly roomWants: number
  /** Bytes asked of it and not yet received. */
  readonly outstandingBytes: number
  readonly bytesPerMs: number
  readonly latencyMs: number
  /** By how much it is put behind others that are as fast, for how it behaved before; below 1: ahead. Absent: 1. */
  readonly handicap?: number
}

/** What peers whose bytes are capped may be asked for, beside what each has room for. */
export interface MeteredRoom {
  readonly peers: ReadonlySet<string>
  /** All of them together. While there is any, a whole block may be asked for. */
  readonly roomBytes: number
}

export interface Move<W> {
  readonly want: W
  readonly peer: string
  readonly mode: 'BLOCK' | 'HAVE'
  /** Milliseconds until a block should arrive. */
  readonly etaMs: number
}

/** A block is asked of two peers at most: what arrives twice was sent in vain. */
export const MAX_ASKS = 2

/** How far beyond its estimate an ask may be before another peer is asked as well. */
const OVERDUE_FACTOR = 3

/** Estimates below this are noise of schedulers and garbage collectors. */
const MIN_PATIENCE_MS = 1_000

/** How many wants may find their holders full before the plan ends: those behind them would find the same. */
const MAX_WAITING = 64

/** The same where each sharer has others of them. */
const MAX_WAITING_SHARED = 1_024

/** In the endgame, when all is asked for, a peer takes over what it can deliver in half the time. */
const ENDGAME_GAIN = 2

/**
 * Spreads `wants`, none of which is asked of anybody, over `peers`; `roomBytes` bounds them all. First come, first served: a
 * large block that has to wait for room isn't overtaken by small ones that would take it.
 */
export function assign<W extends PlannedWant>(
  wants: Iterable<W>,
  peers: readonly PlannedPeer[],
  roomBytes: number,
  metered?: MeteredRoom,
): Move<W>[] {
  const table = new Table<W>(peers, roomBytes, metered)
  let waiting = 0
  for (const want of wants) {
    const isShared = want.session.sharers.size > 0
    if (table.full || waiting >= (isShared ? MAX_WAITING_SHARED : MAX_WAITING)) break
    const holder = table.bestHolder(want)
    if (holder) table.ask(want, holder)
    const found = table.probe(want)
    if (!found || holder) continue
    waiting++
    table.keepFor(want)
  }
  return table.moves
}

/** Only looks for holders of `wants`. */
export function probe<W extends PlannedWant>(wants: Iterable<W>, peers: readonly PlannedPeer[]): Move<W>[] {
  const table = new Table<W>(peers, 0)
  for (const want of wants) {
    if (table.seated === 0) break
    if (table.hasStrangers(want.session)) table.probe(want)
  }
  return table.moves
}

/**
 * Asks a second peer for wants whose only ask is late, or, in the `endgame`, likely to be beaten. Until then, wants in any
 * order are left alone: a second copy would leave somebody's uplink in vain, while there is other work.
 */
export function steal<W extends PlannedWant>(
  wants: Iterable<W>,
  peers: readonly PlannedPeer[],
  {
    roomBytes,
    nowMs,
    endgame,
    metered,
  }: { roomBytes: number; nowMs: number; endgame: boolean; metered?: MeteredRoom },
): Move<W>[] {
  const table = new Table<W>(peers, roomBytes, metered)
  for (const want of wants) {
    if (table.full) break
    const [ask] = want.asks.values()
    if (!ask || want.asks.size >= MAX_ASKS) continue
    // Who can go on with others need not wait for this one.
    if (want.anyOrder && !endgame) continue
    const late = isOverdue(ask, nowMs)
    if (!late && !endgame) continue
    // What is late is likely to stay so for as long again.
    const restMs = Math.abs(ask.dueMs - nowMs)
    const holder = table.bestHolder(want, late ? undefined : restMs / ENDGAME_GAIN)
    if (holder) table.ask(want, holder)
    else if (late) table.probe(want)
  }
  return table.moves
}

export function isOverdue(ask: Ask, nowMs: number): boolean {
  return nowMs - ask.sinceMs > patienceOf(ask)
}

/** Peers that owe one of `wants` for too long. */
export function latePeers(wants: Iterable<PlannedWant>, nowMs: number): Set<string> {
  const peers = new Set<string>()
  for (const { asks } of wants) for (const [peer, ask] of asks) if (isOverdue(ask, nowMs)) peers.add(peer)
  return peers
}

/** Milliseconds that a block may take to come. */
export function patienceOf({ sinceMs, dueMs }: Ask): number {
  return Math.max(MIN_PATIENCE_MS, OVERDUE_FACTOR * (dueMs - sinceMs))
}

/** True where `peer` may be asked for the block itself. */
export function isHolder(want: PlannedWant, peer: string): boolean {
  const standing = want.standings.get(peer)
  return standing === 'has' || (standing === undefined && want.session.providers.has(peer))
}

/** One peer's room while a plan is made. */
interface Seat {
  readonly peer: PlannedPeer
  readonly metered: boolean
  readonly handicap: number
  queuedBytes: number
  roomBytes: number
  roomWants: number
  /** Its room is kept for a want that waits. */
  kept: boolean
}

class Table<W extends PlannedWant> {
  readonly moves: Move<W>[] = []
  readonly #seats: Seat[]
  readonly #strangers = new Map<PlannedSession, boolean>()
  #roomBytes: number
  #meteredRoomBytes: number
  #openSeats: number

  constructor(peers: readonly PlannedPeer[], roomBytes: number, metered?: MeteredRoom) {
    this.#seats = peers.map(peer => ({
      peer,
      metered: metered?.peers.has(peer.id) ?? false,
      handicap: peer.handicap ?? 1,
      queuedBytes: peer.outstandingBytes,
      roomBytes: peer.roomBytes,
      roomWants: peer.roomWants,
      kept: false,
    }))
    this.#roomBytes = roomBytes
    this.#meteredRoomBytes = metered?.roomBytes ?? 0
    this.#openSeats = this.#seats.filter(seat => seat.roomWants > 0).length
  }

  /** Peers that may be asked something. */
  get seated(): number {
    return this.#openSeats
  }

  get full(): boolean {
    return this.#openSeats === 0 || this.#roomBytes <= 0
  }

  /** The holder with room that should deliver first, if it does within `withinMs`. A peer that is asked nothing has room for any block. */
  bestHolder(want: W, withinMs = Number.POSITIVE_INFINITY): Seat | undefined {
    let best: Seat | undefined
    let bestMs = withinMs
    if (want.bytes > this.#roomBytes) return undefined
    for (const seat of this.#seats) {
      if (seat.kept || seat.roomWants <= 0 || (seat.roomBytes < want.bytes && seat.queuedBytes > 0)) continue
      if (seat.metered && this.#meteredRoomBytes <= 0) continue
      if (want.asks.has(seat.peer.id) || !isHolder(want, seat.peer.id)) continue
      const etaMs = etaOf(seat, want.bytes) * seat.handicap
      if (etaMs >= bestMs) continue
      best = seat
      bestMs = etaMs
    }
    return best
  }

  ask(want: W, seat: Seat): void {
    this.#add(want, seat, 'BLOCK')
    seat.queuedBytes += want.bytes
    seat.roomBytes -= want.bytes
    this.#roomBytes -= want.bytes
    if (seat.metered) this.#meteredRoomBytes -= want.bytes
  }

  /** Nothing more is asked of the peers that `want` waits for. */
  keepFor(want: W): void {
    for (const seat of this.#seats) {
      if (seat.kept || !isHolder(want, seat.peer.id)) continue
      seat.kept = true
      if (seat.roomWants > 0) this.#openSeats--
    }
  }

  /** Some peer isn't taken for a holder of all that the session wants. */
  hasStrangers(session: PlannedSession): boolean {
    const known = this.#strangers.get(session)
    if (known !== undefined) return known
    const has = this.#seats.some(({ peer }) => !session.providers.has(peer.id))
    this.#strangers.set(session, has)
    return has
  }

  /** Asks peers whether they have it. True where a holder is known already. */
  probe(want: W): boolean {
    const found = this.#seats.some(seat => isHolder(want, seat.peer.id))
    for (const seat of this.#seats) {
      const { id } = seat.peer
      if (seat.roomWants <= 0 || want.asks.has(id)) continue
      if (want.standings.has(id) || want.session.providers.has(id)) continue
      if (found && !want.session.sharers.has(id) && want.ordinal < (want.session.probeFrom.get(id) ?? 0))
        continue
      this.#add(want, seat, 'HAVE')
    }
    return found
  }

  #add(want: W, seat: Seat, mode: 'BLOCK' | 'HAVE'): void {
    this.moves.push({ want, peer: seat.peer.id, mode, etaMs: etaOf(seat, want.bytes) })
    seat.roomWants--
    if (seat.roomWants === 0 && !seat.kept) this.#openSeats--
  }
}

function etaOf({ peer, queuedBytes }: Seat, bytes: number): number {
  return peer.latencyMs + (queuedBytes + bytes) / peer.bytesPerMs
}
