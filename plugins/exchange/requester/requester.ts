import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import {
  discard,
  type Exchange,
  type Logger,
  type Peers,
  verifyLargeBlock,
  type WantedBlock,
} from '../../../core/api.ts'
import { keyOf } from '../block-key.ts'
import type { ExchangeConfig } from '../config.ts'
import { exchangeError } from '../errors.ts'
import type { Tally } from '../tally.ts'
import { Mode, Status } from '../wire/codec.ts'
import { Dispatcher } from './dispatcher.ts'
import { Echoes } from './echoes.ts'
import { Fetch, type FetchAllOptions } from './fetch.ts'
import type { Fault, Link, LinkEvents, LinkKind } from './link.ts'
import { type DownloadLimits, LinkTable } from './link-table.ts'
import { isHolder, latePeers, patienceOf } from './planner.ts'
import type { ProviderSearch } from './provider-search.ts'
import { seedOf } from './rarity.ts'
import { Receipts } from './receipts.ts'
import { Session, type SessionHost } from './session.ts'
import { Stalls } from './stalls.ts'
import { unavailableMessage } from './unavailable.ts'
import { checkHash, Want } from './want.ts'
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
  readonly #links: LinkTable
  readonly #wants = new WantBook()
  readonly #echoes = new Echoes()
  readonly #roots = new WeakMap<Session, CID>()
  readonly #dispatcher: Dispatcher
  readonly #receipts: Receipts
  readonly #stalls: Stalls
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: RequesterOptions, deps: RequesterDependencies) {
    this.#options = options
    this.#deps = deps
    const { links: kinds, bandwidth, peers, tally, now } = deps
    this.#stalls = new Stalls({ timeoutMs: options.stallTimeoutMs }, { now })
    this.#links = new LinkTable(options, { kinds, events: this, bandwidth, now })
    this.#receipts = new Receipts(({ peer, protocol }, { blocks, bytes }) => {
      peers.countBytes(peer, 'received', bytes)
      tally.received(blocks, bytes, protocol)
    })
    this.#dispatcher = new Dispatcher(
      { maxBytesInFlight: options.maxBytesInFlight, seed: seedOf(deps.self.toString()) },
      {
        wants: this.#wants,
        links: this.#links,
        abandoned: want => this.#finish(want),
        stolen: () => tally.stolen(),
        now,
      },
    )
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
    if (!this.#stopped && this.#links.add(peer)) this.#dispatcher.plan()
  }

  disconnected(peer: PeerId): void {
    const link = this.#links.remove(peer.toString())
    if (!link) return
    link.drop('disconnected')
    this.#dispatcher.plan()
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#timer)
    this.#dispatcher.stop()
    for (const want of [...this.#wants.values()]) {
      this.#finish(want)
      want.reject(exchangeError('EXCHANGE_STOPPED', `the exchange stopped before ${want.cid} arrived`))
    }
    for (const { id } of [...this.#links.values()]) this.#links.remove(id)?.drop('stopping')
  }

  async fetchAll(session: Session, wanted: readonly WantedBlock[], options: FetchAllOptions): Promise<void> {
    options.signal?.throwIfAborted()
    const first = `${wanted[0]?.cid}${wanted.length > 1 ? ' and others' : ''}`
    if (this.#stopped)
      throw exchangeError('EXCHANGE_STOPPED', `the exchange has stopped; ${first} was not fetched`)
    if (session.closed)
      throw exchangeError('SESSION_CLOSED', `the session is closed; ${first} was not fetched`)
    if (this.#wants.size + wanted.length > MAX_WANTED) {
      throw exchangeError(
        'TOO_MANY_WANTS',
        `${MAX_WANTED} blocks are wanted already; ${first} was not fetched`,
      )
    }
    for (const { cid } of wanted) checkHash(cid)
    const fetch = new Fetch(options, { session, abandoned: want => this.#finish(want) })
    for (const block of wanted) {
      const { multihash } = block.cid
      if (multihash.code === IDENTITY) options.onBlock(block, multihash.digest.slice())
      else fetch.wait(this.#wants.get(keyOf(block.cid)) ?? this.#want(session, block), block)
    }
    fetch.settle()
    this.#dispatcher.plan()
    return fetch.done
  }

  close(session: Session): void {
    this.#deps.search?.end(session)
    for (const want of [...this.#wants.values()]) {
      want.reject(exchangeError('SESSION_CLOSED', `the session closed before ${want.cid} arrived`), session)
      if (!want.waiting) this.#finish(want)
    }
  }

  delivered(link: Link, want: Want, bytes: Uint8Array): void {
    // It has arrived: while it is hashed the next may be asked for.
    this.#land(want, link.id)
    const { byteLength } = bytes
    const judge = (isGood: boolean): void =>
      isGood ? this.verified(link, want, bytes) : this.#refuse(link, want, byteLength)
    const verdict = verifyLargeBlock(want.cid, bytes)
    if (typeof verdict === 'boolean') judge(verdict)
    else void verdict.then(judge)
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
    this.#receipts.add(link, bytes.byteLength)
    this.#deps.tally.fetched(this.#deps.now() - want.createdMs)
    const { byteLength } = bytes
    want.resolve(bytes)
    this.#refute(want, byteLength)
  }

  /** A block has one length: who told of another one would have small blocks waited for, and room made for them, as for the largest. */
  #refute({ cid, offers }: Want, bytes: number): void {
    for (const [peer, offered] of offers) {
      if (offered === bytes) continue
      this.#links
        .get(peer)
        ?.drop(`offered ${offered} bytes of ${cid}, which has ${bytes}`, 'protocol-violation')
    }
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
    if (this.#links.hasRoom) this.#dispatcher.plan()
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

  isWanted(key: string): boolean {
    return this.#wants.get(key) !== undefined
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
    this.#dispatcher.plan()
  }

  #want(session: Session, { cid, sizeHint }: WantedBlock): Want {
    const want = new Want({ cid, sizeHint, session, nowMs: this.#deps.now() })
    this.#wants.add(want)
    if (!this.#timer) {
      this.#stalls.begin()
      this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
    }
    return want
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
    this.#dispatcher.plan()
  }

  #distrustFor(link: Link, detail: string): void {
    const { peers, tally } = this.#deps
    tally.invalid()
    this.#links.distrust(link.id)
    peers.report(link.peer, 'invalid-block', detail)
  }

  #tick(): void {
    this.#stalls.look(this.#links.values())
    for (const peer of latePeers(this.#wants.flying, this.#deps.now())) this.#links.get(peer)?.stall()
    this.#giveUp()
    this.#dispatcher.speedUp()
    this.#dispatcher.plan()
    if (this.#wants.size === 0) this.#rest()
  }

  /** Fails wants that nobody could deliver for too long. */
  #giveUp(): void {
    const { now, tally } = this.#deps
    const { findTimeoutMs } = this.#options
    const links = this.#links.usable()
    for (const want of [...this.#wants.askable()]) {
      // One that failed took those with it that were fetched together.
      if (!want.waiting) continue
      want.takeUp(now())
      const isHeld = (link: Link): boolean =>
        isHolder(want, link.id) || want.standings.get(link.id) === 'left'
      const isAnywhere = links.some(isHeld)
      if (!isAnywhere) want.ease()
      if (isAnywhere || this.#isSought(want, links)) want.hopeMs = now()
      else if (now() - want.hopeMs > findTimeoutMs) {
        tally.unavailable()
        this.#finish(want)
        const answers = this.#links.explain(want.answers())
        const message = unavailableMessage(want.cid, findTimeoutMs, answers)
        want.reject(exchangeError('BLOCK_UNAVAILABLE', message))
      }
    }
  }

  /** Whether others are being looked for, since all these have said that they lack it. */
  #isSought({ cid, session, standings }: Want, links: readonly Link[]): boolean {
    const lacks = ({ id }: Link): boolean => standings.get(id) === 'missing' || standings.get(id) === 'failed'
    const isLacked = links.every(link => lacks(link) || session.lacking.has(link.id))
    return isLacked && (this.#deps.search?.seek(session, [this.#roots.get(session) ?? cid, cid]) ?? false)
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
