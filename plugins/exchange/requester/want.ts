import type { CID } from 'multiformats/cid'
import { isHashAllowed, MAX_BLOCK_BYTES } from '../../../core/api.ts'
import { keyOf } from '../block-key.ts'
import { exchangeError } from '../errors.ts'
import type { Fetch, Waiter } from './fetch.ts'
import type { Ask, PlannedWant, Standing } from './planner.ts'
import type { Session } from './session.ts'

/** A block asked of a peer, and how to take that back. */
export interface OpenAsk extends Ask {
  readonly id: number
  /** The peer was told that another one would do. */
  readonly patient: boolean
  /** What it counts against the bytes in flight. */
  readonly bytes: number
}

type PutOff = 'busy' | 'missing'

/** How often a stream may break under a want before its peer is given up for it. */
const MAX_BREAKS = 3

/** One wanted block, whoever waits for it. */
export class Want implements PlannedWant {
  readonly key: string
  readonly cid: CID
  readonly digest: number
  readonly session: Session
  readonly ordinal: number
  readonly createdMs: number
  /** Where the book keeps it. */
  place: Set<Want> | undefined
  /** Payload bytes to reckon with. */
  bytes: number
  readonly standings = new Map<string, Standing>()
  readonly asks = new Map<string, OpenAsk>()
  /** Block lengths that peers announced. */
  readonly offers = new Map<string, number>()
  /** When somebody was last known who could deliver it. */
  hopeMs: number
  #breaks: Map<string, { count: number; reason: string }> | undefined
  /** Peers that were asked and put it off, with the last word of each. */
  #putOff: Map<string, PutOff> | undefined
  /** When the first of them did. */
  #putOffMs: number | undefined
  /** Until when it is left to others, once it was. */
  #leftMs: number | undefined
  #waiters: readonly Waiter[] = []

  constructor(options: { cid: CID; sizeHint?: number; session: Session; nowMs: number }) {
    const { cid, sizeHint, session, nowMs } = options
    this.key = keyOf(cid)
    this.cid = cid
    this.digest = digestOf(cid)
    this.session = session
    this.ordinal = session.nextOrdinal()
    this.createdMs = nowMs
    this.hopeMs = nowMs
    // A hint may be of a whole subtree.
    this.bytes = Math.min(sizeHint ?? session.guessBytes, MAX_BLOCK_BYTES)
  }

  get waiting(): boolean {
    return this.#waiters.length > 0
  }

  /** Payload bytes above which nobody who waits takes the block. */
  get maxBytes(): number {
    let bytes = 0
    for (const waiter of this.#waiters) bytes = Math.max(bytes, waiter.maxBytes)
    return bytes
  }

  /** False where one who waits has a say in it. */
  get anyOrder(): boolean {
    for (const { fetch } of this.#waiters) if (!fetch.anyOrder) return false
    return true
  }

  /** The first who waits and has no room for the block. */
  get withoutRoom(): Fetch | undefined {
    return this.#waiters.find(({ fetch }) => !fetch.hasRoom)?.fetch
  }

  /** `peer`, which likely serves others that fetch the same, is told to put this off for them: but once only. */
  isPatientWith(peer: string): boolean {
    const { providers, sharers } = this.session
    return this.#leftMs === undefined && sharers.size > 0 && providers.has(peer) && this.anyOrder
  }

  /** Leaves the block to others until `untilMs`, when `peer` is asked without patience. */
  leave(peer: string, untilMs: number): void {
    this.standings.set(peer, 'left')
    this.#leftMs = untilMs
    this.ease()
  }

  /** Nobody is asked for it now: room that was made for it goes back. */
  ease(): void {
    for (const { fetch } of this.#waiters) fetch.ease()
  }

  /** Takes up what was left to others for long enough. */
  takeUp(nowMs: number): void {
    if (this.#leftMs === undefined || nowMs < this.#leftMs) return
    for (const [peer, standing] of this.standings) if (standing === 'left') this.standings.set(peer, 'has')
  }

  /** One more waits. */
  join(waiter: Waiter): void {
    this.#waiters = [...this.#waiters, waiter]
  }

  /** One waits no longer. */
  part(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter(other => other !== waiter)
  }

  /** Gives the bytes to the first who waits, and copies to the others: each owns theirs. */
  resolve(bytes: Uint8Array): void {
    const [first, ...others] = this.#waiters
    for (const waiter of others) waiter.fetch.take(waiter, bytes.slice())
    first?.fetch.take(first, bytes)
  }

  /** Fails for everybody, or for those of one session. */
  reject(reason: unknown, session?: Session): void {
    for (const { fetch } of this.#waiters) if (!session || fetch.session === session) fetch.fail(reason)
  }

  /** Sent wrong bytes: never asked for this block again. */
  refuse(peer: string, reason: string): void {
    this.#breaks ??= new Map()
    this.#breaks.set(peer, { count: MAX_BREAKS, reason })
    this.standings.set(peer, 'failed')
  }

  /** The stream to `peer` is gone, and with it what was known; `broken` where the peer owed this block. */
  forget(peer: string, broken: boolean, reason: string): void {
    if (this.standings.get(peer) === 'failed') return
    this.standings.delete(peer)
    this.offers.delete(peer)
    if (!broken) return
    this.#breaks ??= new Map()
    const count = (this.#breaks.get(peer)?.count ?? 0) + 1
    this.#breaks.set(peer, { count, reason })
    if (count >= MAX_BREAKS) this.standings.set(peer, 'failed')
  }

  /**
   * `peer` was asked and put it off, for all that it may say it has it. Given up for this block where the first excuse, of
   * any peer, was `patienceMs` ago: no number of them buys more.
   */
  putOff(peer: string, answer: PutOff, { nowMs, patienceMs }: { nowMs: number; patienceMs: number }): void {
    this.#putOff ??= new Map()
    this.#putOff.set(peer, answer)
    this.#putOffMs ??= nowMs
    if (nowMs - this.#putOffMs > patienceMs) this.standings.set(peer, 'failed')
    else if (answer === 'missing') this.standings.set(peer, 'missing')
  }

  /** Each peer asked, and what it answered. */
  answers(): Map<string, string> {
    const answers = new Map<string, string>()
    for (const [peer, standing] of this.standings) answers.set(peer, ANSWERS[standing])
    for (const [peer, answer] of this.#putOff ?? []) answers.set(peer, PUT_OFF[answer])
    for (const [peer, { reason }] of this.#breaks ?? []) answers.set(peer, reason)
    return answers
  }
}

const ANSWERS: Record<Standing, string> = {
  asked: 'no answer',
  has: 'has it, but did not send it',
  left: 'is busy',
  missing: 'does not have it',
  failed: 'failed',
}

const PUT_OFF: Record<PutOff, string> = { busy: 'is busy', missing: 'does not have it' }

/** The last 32 bits of the hash. */
function digestOf({ multihash: { digest } }: CID): number {
  let bits = 0
  for (const byte of digest.subarray(-4)) bits = (bits << 8) | byte
  return bits >>> 0
}

/** @throws SkepError HASH_NOT_ALLOWED where bytes that match the hash could be made up */
export function checkHash(cid: CID): void {
  if (isHashAllowed(cid)) return
  const hash = `0x${cid.multihash.code.toString(16)} with ${cid.multihash.size} bytes`
  throw exchangeError('HASH_NOT_ALLOWED', `${cid} has hash ${hash}, which can't be trusted`)
}
