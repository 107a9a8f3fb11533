import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import {
  discard,
  type Exchange,
  type FetchOptions,
  isHashAllowed,
  type Logger,
  MAX_BLOCK_BYTES,
  type Peers,
  verifyLargeBlock,
} from '../../../core/api.ts'
import { keyOf } from '../block-key.ts'
import type { ExchangeConfig } from '../config.ts'
import { exchangeError } from '../errors.ts'
import type { Tally } from '../tally.ts'
import { Mode, Status } from '../wire/codec.ts'
import { Echoes } from './echoes.ts'
import type { Fault, Link, LinkEvents, LinkKind } from './link.ts'
import { type DownloadLimits, LinkTable } from './link-table.ts'
import { assign, isHolder, latePeers, type Move, patienceOf, probe, steal } from './planner.ts'
import type { ProviderSearch } from './provider-search.ts'
import { byRarity, seedOf } from './rarity.ts'
import { Session, type SessionHost } from './session.ts'
import { unavailableMessage } from './unavailable.ts'
import { Want } from './want.ts'
import { WantBook } from './want-book.ts'

export type RequesterOptions = Omit<ExchangeConfig, 'maxReadAheadBytes' | 'bandwidth' | 'bitswap'>

export interface RequesterDependencies {
  /** Ways to ask a peer, the best first; one that it doesn't speak is followed by the next. */
  readonly links: readonly LinkKind[]
  /** Of this node: nodes that fetch the same begin with different blocks. */
  readonly self: PeerId
  readonly peers: Pick<Peers, 'report' | 'countBytes'>
  readonly bandwidth: DownloadLimits
  readonly tally: Tally
  /** Finds others to ask, where no connected peer has a block. */
  readonly search?: Pick<ProviderSearch, 'seek' | 'end'>
  readonly log: Logger
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** Blocks all sessions together may wait for: each costs some hundred bytes until it is answered. */
const MAX_WANTED = 65_536

/** How often late, lost and hopeless wants are looked for. */
const TICK_MS = 100

/** Streams that carried nothing for so long are closed. */
const LINK_IDLE_MS = 30_000

const IDENTITY = 0x00

/** Gets blocks from peers: keeps the wants of all sessions and carries out what the planner says. */
export class Requester implements Exchange, SessionHost, LinkEvents {
  readonly #options: RequesterOptions
  readonly #deps: RequesterDependencies
  readonly #seed: number
  readonly #links: LinkTable
  readonly #wants = new WantBook()
  readonly #echoes = new Echoes()
  readonly #roots = new WeakMap<Session, CID>()
  #planning: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: RequesterOptions, deps: RequesterDependencies) {
    this.#options = options
    this.#deps = deps
    this.#seed = seedOf(deps.self.toString())
    const { links: kinds, bandwidth, now } = deps
    this.#links = new LinkTable(options, { kinds, events: this, bandwidth, now })
  }

  get wantsOutstanding(): number {
    return this.#wants.size
  }

  get bytesInFlight(): number {
    return this.#wants.inFlightBytes
  }

  get distrustedPeers(): number {
    return this.#links.distrusted
  }

  session(root: CID): Session {
    const session = new Session(this)
    this.#roots.set(session, root)
    return session
  }

  /** A peer to ask from now on. */
  connected(peer: PeerId): void {
    if (!this.#stopped && this.#links.add(peer)) this.#plan()
  }

  disconnected(peer: PeerId): void {
    const link = this.#links.remove(peer.toString())
    if (!link) return
    link.drop('disconnected')
    this.#plan()
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#timer)
    clearImmediate(this.#planning)
    for (const want of [...this.#wants.values()]) {
      this.#finish(want)
      want.reject(exchangeError('EXCHANGE_STOPPED', `the exchange stopped before ${want.cid} arrived`))
    }
    for (const { id } of [...this.#links.values()]) this.#links.remove(id)?.drop('stopping')
  }

  async fetch(session: Session, cid: CID, options: FetchOptions): Promise<Uint8Array> {
    const { signal, sizeHint } = options
    signal?.throwIfAborted()
    if (this.#stopped)
      throw exchangeError('EXCHANGE_STOPPED', `the exchange has stopped; ${cid} was not fetched`)
    if (session.closed) throw exchangeError('SESSION_CLOSED', `the session is closed; ${cid} was not fetched`)
    if (!isHashAllowed(cid)) {
      const hash = `0x${cid.multihash.code.toString(16)} with ${cid.multihash.size} bytes`
      throw exchangeError('HASH_NOT_ALLOWED', `${cid} has hash ${hash}, which can't be trusted`)
    }
    if (cid.multihash.code === IDENTITY) return cid.multihash.digest.slice()
    const want = this.#wants.get(keyOf(cid)) ?? this.#want(session, cid, sizeHint)
    const maxBytes = Math.min(sizeHint ?? MAX_BLOCK_BYTES, MAX_BLOCK_BYTES)
    return want.wait({ ...options, session, maxBytes }, () => this.#finish(want))
  }

  close(session: Session): void {
    this.#deps.search?.end(session)
    for (const want of [...this.#wants.values()]) {
      want.reject(exchangeError('SESSION_CLOSED', `the session closed before ${want.cid} arrived`), session)
      if (!want.waiting) this.#finish(want)
    }
  }

  delivered(link: Link, want: Want, bytes: Uint8Array): void {
    void this.#verify(link, want, bytes)
  }

  async #verify(link: Link, want: Want, bytes: Uint8Array): Promise<void> {
    const { byteLength } = bytes
    // It has arrived: while it is hashed the next may be asked for.
    this.#land(want, link.id)
    if (await verifyLargeBlock(want.cid, bytes)) this.verified(link, want, bytes)
    else this.#refuse(link, want, byteLength)
  }

  verified(link: Link, want: Want, bytes: Uint8Array): void {
    if (this.#wants.get(want.key) !== want) {
      // Delivered by another peer, or given up, while it was hashed.
      this.wasted()
      discard(bytes)
      return
    }
    this.#land(want, link.id)
    want.session.found(link.id)
    want.session.received(bytes.byteLength)
    this.#finish(want)
    this.#deps.peers.countBytes(link.peer, 'received', bytes.byteLength)
    this.#deps.tally.received(bytes.byteLength, this.#deps.now() - want.createdMs, link.protocol)
    want.resolve(bytes)
  }

  answered(link: Link, want: Want, mode: Mode, status: Status, length: number | undefined): void {
    const ask = want.asks.get(link.id)
    if (mode === Mode.BLOCK) this.#land(want, link.id)
    if (status === Status.OK) {
      want.standings.set(link.id, 'has')
      want.session.found(link.id)
      if (length !== undefined) this.#learnLength(link, want, length)
    } else if (status === Status.BUSY && mode === Mode.BLOCK && ask?.patient) {
      want.leave(link.id, this.#deps.now() + patienceOf(ask))
    } else if (status === Status.BUSY) {
      if (mode === Mode.HAVE) want.standings.delete(link.id)
      this.#putOff(want, link.id, 'busy')
      link.ease()
    } else {
      if (mode === Mode.BLOCK) this.#putOff(want, link.id, 'missing')
      else want.standings.set(link.id, 'missing')
      want.session.missed(link.id)
      this.#echoes.add(want.key, want.session)
    }
    if (mode === Mode.BLOCK) this.#wants.askAgain([want])
  }

  #learnLength(link: Link, want: Want, length: number): void {
    want.offers.set(link.id, length)
    want.bytes = length
    if (length <= want.maxBytes) return
    this.#finish(want)
    want.reject(
      exchangeError(
        'BLOCK_OVER_HINT',
        `${link.id} offers ${want.cid} with ${length} bytes, over ${want.maxBytes}`,
      ),
    )
  }

  wasted(): void {
    this.#deps.tally.duplicate()
  }

  gained(link: Link, cids: readonly CID[]): void {
    for (const cid of cids) {
      const key = keyOf(cid)
      const want = this.#wants.get(key)
      if (want?.standings.get(link.id) === 'missing') want.standings.set(link.id, 'has')
      const session = want?.session ?? this.#echoes.get(key)
      session?.found(link.id)
    }
  }

  /** While no peer has room there is nothing to plan: what else is new the next tick sees to. */
  progressed(): void {
    if (this.#links.hasRoom) this.#plan()
  }

  unsupported(link: Link, owed: ReadonlySet<Want>, reason: string): void {
    if (this.#links.follow(link)) {
      this.#release(link, owed, () => false, reason)
      return
    }
    const spoken = this.#deps.links.map(({ protocol }) => protocol).join(' or ')
    this.#release(link, owed, want => owed.has(want), `does not speak ${spoken}`)
  }

  broken(link: Link, owed: ReadonlySet<Want>, reason: string, fault: Fault | undefined): void {
    const { log, peers, tally } = this.#deps
    log.debug({ peer: link.id, reason, wants: owed.size }, 'stream to a holder ended')
    if (fault) peers.report(link.peer, fault, reason)
    if (fault === 'protocol-violation') tally.violated('holder')
    this.#release(link, owed, want => owed.has(want), reason)
  }

  forged(link: Link, bytes: number): void {
    const { log } = this.#deps
    log.warn({ peer: link.id, bytes }, 'peer sent bytes that match none of the CIDs it was asked for')
    this.#distrustFor(link, `${bytes} bytes sent have a hash that was not asked for`)
    link.drop('sent wrong bytes')
  }

  /** Takes back what `link` was asked. `isBroken`: what counts as a broken promise. */
  #release(link: Link, owed: ReadonlySet<Want>, isBroken: (want: Want) => boolean, reason: string): void {
    for (const want of this.#wants.values()) {
      want.forget(link.id, isBroken(want), reason)
      want.session.forget(link.id)
    }
    for (const want of owed) this.#land(want, link.id)
    this.#wants.askAgain(owed)
    this.#plan()
  }

  #want(session: Session, cid: CID, sizeHint: number | undefined): Want {
    if (this.#wants.size >= MAX_WANTED) {
      throw exchangeError('TOO_MANY_WANTS', `${MAX_WANTED} blocks are wanted already; ${cid} was not fetched`)
    }
    const want = new Want({ cid, sizeHint, session, nowMs: this.#deps.now() })
    this.#wants.add(want)
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
    this.#plan()
    return want
  }

  /** Plans once for all that happens in this turn of the event loop. */
  #plan(): void {
    if (this.#stopped || this.#wants.pending.size + this.#wants.ready.size === 0) return
    this.#planning ??= setImmediate(() => {
      this.#planning = undefined
      for (const move of this.#moves(this.#links.usable())) this.#carryOut(move)
    })
  }

  /** While room is made for some, others are only looked for: they would be given the same places. */
  #moves(links: readonly Link[]): Move<Want>[] {
    const { pending, preparing, ready } = this.#wants
    const ranked = (wants: Iterable<Want>): Iterable<Want> => byRarity(wants, links, this.#seed)
    const room = [this.#roomBytes, this.#links.meteredRoom(links)] as const
    if (preparing.size === 0) return assign(ranked(this.#wants.askable()), links, ...room)
    return [...assign(ranked(ready), links, ...room), ...probe(pending, links)]
  }

  get #roomBytes(): number {
    return this.#options.maxBytesInFlight - this.#wants.inFlightBytes
  }

  #carryOut(move: Move<Want>): void {
    const { want, peer, mode, etaMs } = move
    const link = this.#links.get(peer)
    if (!link) return
    if (mode === 'HAVE') {
      want.standings.set(peer, 'asked')
      link.ask(want, Mode.HAVE)
      return
    }
    if (want.asks.size === 0 && !want.hasRoom) {
      void this.#prepare(move)
      return
    }
    const sinceMs = this.#deps.now()
    const { bytes } = want
    const patient = want.isPatientWith(peer)
    const id = link.ask(want, Mode.BLOCK)
    this.#wants.asked(want, peer, { id, bytes, patient, sinceMs, dueMs: sinceMs + etaMs })
  }

  /** Has room made for a block before it is asked for. */
  async #prepare(move: Move<Want>): Promise<void> {
    const { want } = move
    this.#wants.prepare(want)
    await want.makeRoom()
    if (!this.#wants.prepared(want)) return
    if (want.waiting) {
      want.hopeMs = this.#deps.now()
      if (this.#isGood(move)) this.#carryOut(move)
    } else this.#finish(want)
    this.#plan()
  }

  /** A move that was planned some time ago. */
  #isGood({ want, peer }: Move<Want>): boolean {
    const link = this.#links.get(peer)
    if (!link || !this.#links.usable().includes(link) || !isHolder(want, peer)) return false
    return link.outstandingBytes === 0 || link.roomBytes >= want.bytes
  }

  #land(want: Want, peer: string): void {
    this.#wants.landed(want, peer, this.#deps.now())
  }

  #putOff(want: Want, peer: string, answer: 'busy' | 'missing'): void {
    want.putOff(peer, answer, { nowMs: this.#deps.now(), patienceMs: this.#options.findTimeoutMs })
  }

  /** Forgets a want that is settled or abandoned, and takes back what was asked. */
  #finish(want: Want): void {
    if (!this.#wants.remove(want)) return
    for (const [peer, { id }] of [...want.asks]) {
      this.#land(want, peer)
      this.#links.get(peer)?.cancel(id)
    }
    for (const peer of want.standings.keys()) this.#links.get(peer)?.forget(want)
  }

  #refuse(link: Link, want: Want, bytes: number): void {
    const { log } = this.#deps
    const reason = 'sent wrong bytes'
    log.warn(
      { peer: link.id, cid: want.cid.toString(), bytes },
      'peer sent bytes that do not match their CID',
    )
    this.#distrustFor(link, `${bytes} bytes sent for ${want.cid} have another hash`)
    want.refuse(link.id, reason)
    this.#land(want, link.id)
    this.#wants.askAgain([want])
    link.drop(reason)
    this.#plan()
  }

  #distrustFor(link: Link, detail: string): void {
    const { peers, tally } = this.#deps
    tally.invalid()
    this.#links.distrust(link.id)
    peers.report(link.peer, 'invalid-block', detail)
  }

  #tick(): void {
    for (const link of this.#links.values()) {
      if (link.quietMs > this.#options.stallTimeoutMs) link.drop('stalled', 'timeout')
    }
    for (const peer of latePeers(this.#wants.flying, this.#deps.now())) this.#links.get(peer)?.stall()
    this.#giveUp()
    this.#speedUp()
    this.#plan()
    if (this.#wants.size === 0) this.#rest()
  }

  /** Fails wants that nobody could deliver for too long. */
  #giveUp(): void {
    const { now, tally } = this.#deps
    const { findTimeoutMs } = this.#options
    const links = this.#links.usable()
    for (const want of [...this.#wants.askable()]) {
      want.takeUp(now())
      const isHeld = (link: Link): boolean =>
        isHolder(want, link.id) || want.standings.get(link.id) === 'left'
      if (links.some(isHeld) || this.#isSought(want, links)) want.hopeMs = now()
      else if (now() - want.hopeMs > findTimeoutMs) {
        tally.unavailable()
        this.#finish(want)
        want.reject(exchangeError('BLOCK_UNAVAILABLE', this.#explain(want)))
      }
    }
  }

  /** Whether others are being looked for, since all these have said that they lack it. */
  #isSought({ cid, session, standings }: Want, links: readonly Link[]): boolean {
    const lacks = ({ id }: Link): boolean => standings.get(id) === 'missing' || standings.get(id) === 'failed'
    const isLacked = links.every(link => lacks(link) || session.lacking.has(link.id))
    return isLacked && (this.#deps.search?.seek(session, [this.#roots.get(session) ?? cid, cid]) ?? false)
  }

  #explain(want: Want): string {
    const answers = want.answers()
    this.#links.explain(answers)
    return unavailableMessage(want.cid, this.#options.findTimeoutMs, answers)
  }

  #speedUp(): void {
    const links = this.#links.usable()
    const moves = steal(this.#wants.flying, links, {
      roomBytes: this.#roomBytes,
      metered: this.#links.meteredRoom(links),
      nowMs: this.#deps.now(),
      endgame: this.#wants.isAsked,
    })
    for (const move of moves) {
      if (move.mode === 'BLOCK') this.#deps.tally.stolen()
      this.#carryOut(move)
    }
  }

  /** Closes streams that nobody needs, and the clock with the last of them. */
  #rest(): void {
    const open = [...this.#links.values()].filter(link => link.open)
    for (const link of open) if (link.idleMs > LINK_IDLE_MS) void link.rest()
    if (open.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
