import type { CID } from 'multiformats/cid'
import { type FetchOptions, MAX_BLOCK_BYTES } from '../../../core/api.ts'
import { keyOf } from '../block-key.ts'
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

interface WaiterOptions extends Pick<FetchOptions, 'signal' | 'makeRoom' | 'anyOrder'> {
  readonly session: Session
  readonly maxBytes: number
}

interface Waiter extends WaiterOptions {
  hasRoom: boolean
  giveRoomBack?: () => void
  resolve(bytes: Uint8Array): void
  reject(reason: unknown): void
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
  /** Payload bytes to reckon with. */
  bytes: number
  readonly standings = new Map<string, Standing>()
  readonly asks = new Map<string, OpenAsk>()
  /** Block lengths that peers announced. */
  readonly offers = new Map<string, number>()
  /** When somebody was last known who could deliver it. */
  hopeMs: number
  readonly #breaks = new Map<string, { count: number; reason: string }>()
  /** Peers that were asked and put it off, with the last word of each. */
  readonly #putOff = new Map<string, PutOff>()
  /** When the first of them did. */
  #putOffMs: number | undefined
  /** Until when it is left to others, once it was. */
  #leftMs: number | undefined
  readonly #waiters = new Set<Waiter>()

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
    return this.#waiters.size > 0
  }

  /** Payload bytes above which nobody who waits takes the block. */
  get maxBytes(): number {
    let bytes = 0
    for (const waiter of this.#waiters) bytes = Math.max(bytes, waiter.maxBytes)
    return bytes
  }

  /** False where one who waits has a say in it. */
  get anyOrder(): boolean {
    for (const waiter of this.#waiters) if (!waiter.anyOrder?.()) return false
    return true
  }

  /** All who wait have room for the block. */
  get hasRoom(): boolean {
    for (const waiter of this.#waiters) if (!waiter.hasRoom) return false
    return true
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
    if (this.asks.size > 0) return
    for (const waiter of this.#waiters) {
      if (!waiter.giveRoomBack) continue
      waiter.giveRoomBack()
      waiter.hasRoom = false
    }
  }

  /** Takes up what was left to others for long enough. */
  takeUp(nowMs: number): void {
    if (this.#leftMs === undefined || nowMs < this.#leftMs) return
    for (const [peer, standing] of this.standings) if (standing === 'left') this.standings.set(peer, 'has')
  }

  /** Has those who wait make room, where they haven't. Who can't waits no longer. */
  async makeRoom(): Promise<void> {
    await Promise.all([...this.#waiters].map(waiter => this.#makeRoomFor(waiter)))
  }

  /**
   * The bytes, for one more who waits and takes no more than `maxBytes` of them. `onAbandoned` is called when the last one
   * has left.
   */
  wait(options: WaiterOptions, onAbandoned: () => void): Promise<Uint8Array> {
    const { signal } = options
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.delete(waiter)
        reject(signal?.reason)
        if (!this.waiting) onAbandoned()
      }
      const settled = (): void => signal?.removeEventListener('abort', onAbort)
      const waiter: Waiter = {
        ...options,
        hasRoom: options.makeRoom === undefined,
        resolve(bytes) {
          settled()
          resolve(bytes)
        },
        reject(reason) {
          settled()
          reject(reason)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /** Gives the bytes to the first who waits, and copies to the others: each owns theirs. */
  resolve(bytes: Uint8Array): void {
    const [first, ...others] = this.#waiters
    for (const waiter of others) void this.#resolveFor(waiter, bytes.slice())
    if (first) void this.#resolveFor(first, bytes)
  }

  /** Fails for everybody, or for those of one session. */
  reject(reason: unknown, session?: Session): void {
    for (const waiter of [...this.#waiters]) {
      if (session && waiter.session !== session) continue
      this.#waiters.delete(waiter)
      waiter.reject(reason)
    }
  }

  /** Who came when the block was on its way makes room now. */
  async #resolveFor(waiter: Waiter, bytes: Uint8Array): Promise<void> {
    if (!waiter.hasRoom) await this.#makeRoomFor(waiter)
    if (this.#waiters.delete(waiter)) waiter.resolve(bytes)
  }

  async #makeRoomFor(waiter: Waiter): Promise<void> {
    if (waiter.hasRoom) return
    try {
      waiter.giveRoomBack = await waiter.makeRoom?.()
      waiter.hasRoom = true
    } catch (error) {
      if (this.#waiters.delete(waiter)) waiter.reject(error)
    }
  }

  /** Sent wrong bytes: never asked for this block again. */
  refuse(peer: string, reason: string): void {
    this.#breaks.set(peer, { count: MAX_BREAKS, reason })
    this.standings.set(peer, 'failed')
  }

  /** The stream to `peer` is gone, and with it what was known; `broken` where the peer owed this block. */
  forget(peer: string, broken: boolean, reason: string): void {
    if (this.standings.get(peer) === 'failed') return
    this.standings.delete(peer)
    this.offers.delete(peer)
    if (!broken) return
    const count = (this.#breaks.get(peer)?.count ?? 0) + 1
    this.#breaks.set(peer, { count, reason })
    if (count >= MAX_BREAKS) this.standings.set(peer, 'failed')
  }

  /**
   * `peer` was asked and put it off, for all that it may say it has it. Given up for this block where the first excuse, of
   * any peer, was `patienceMs` ago: no number of them buys more.
   */
  putOff(peer: string, answer: PutOff, { nowMs, patienceMs }: { nowMs: number; patienceMs: number }): void {
    this.#putOff.set(peer, answer)
    this.#putOffMs ??= nowMs
    if (nowMs - this.#putOffMs > patienceMs) this.standings.set(peer, 'failed')
    else if (answer === 'missing') this.standings.set(peer, 'missing')
  }

  /** Each peer asked, and what it answered. */
  answers(): Map<string, string> {
    const answers = new Map<string, string>()
    for (const [peer, standing] of this.standings) answers.set(peer, ANSWERS[standing])
    for (const [peer, answer] of this.#putOff) answers.set(peer, PUT_OFF[answer])
    for (const [peer, { reason }] of this.#breaks) answers.set(peer, reason)
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
