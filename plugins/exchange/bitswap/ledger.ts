import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { keyOf } from '../block-key.ts'
import type { Asker, ServeHost, Serving, Shipped } from '../server/serving.ts'
import {
  BITSWAP,
  type BitswapEntry,
  type BitswapMessage,
  encodeBitswap,
  encodeBlockHead,
  MAX_ENTRIES,
  WantType,
} from '../wire/bitswap-codec.ts'
import { Status } from '../wire/codec.ts'
import type { Outbound } from './outbound.ts'

/** Blocks that one peer may wait for, as over our own protocol; more are answered with a miss. */
const MAX_WANTED = 4096

/** Misses remembered of one peer, to be told when we have got the block: what Helia and Kubo keep. The oldest are forgotten. */
export const MAX_MISSED = 1024

/** Presences of one message: some 50 KiB of them. */
const MAX_PRESENCES = 1024

/** Presences waiting to be sent above which no more questions are read. */
const MAX_WAITING_PRESENCES = 4 * MAX_PRESENCES

/**
 * Presences that wait at most: some 400 bytes each. What has been read by then on a peer's other streams, which it may reset and open
 * anew as fast as it likes, is not answered; a longest list on one of them is.
 */
export const MAX_KEPT_PRESENCES = MAX_WAITING_PRESENCES + MAX_ENTRIES

/** Small blocks are sent together up to this size: one message instead of many. */
const MAX_JOINED_BYTES = 128 * 1024

export interface LedgerOptions {
  readonly isMetered: boolean
}

export interface LedgerDependencies {
  readonly peer: PeerId
  readonly outbound: Outbound
  readonly host: ServeHost
}

interface Wanted extends Serving {
  readonly key: string
  readonly sendDontHave: boolean
  payload: Uint8Array | undefined
}

interface Missed {
  readonly cid: CID
  readonly type: WantType
}

/** What one Bitswap peer wants of us, and what we are about to tell it. */
export class Ledger implements Asker {
  readonly peer: string
  readonly isMetered: boolean
  readonly #peer: PeerId
  readonly #outbound: Outbound
  readonly #host: ServeHost
  readonly #wanted = new Map<string, Wanted>()
  readonly #missed = new Map<string, Missed>()
  #ready: Wanted[] = []
  /** In the order of the questions; one answer for each block, the last. */
  readonly #presences = new Map<string, { readonly cid: CID; readonly status: Status }>()
  #sending = false
  #room: PromiseWithResolvers<void> | undefined
  #ended = false

  constructor({ isMetered }: LedgerOptions, { peer, outbound, host }: LedgerDependencies) {
    this.peer = peer.toString()
    this.isMetered = isMetered
    this.#peer = peer
    this.#outbound = outbound
    this.#host = host
  }

  /** Blocks and misses that it remembers. */
  get size(): number {
    return this.#wanted.size + this.#missed.size
  }

  /** Takes a want list. Resolves when there is room for the next: a peer that doesn't read can't ask for more. */
  async take({ entries, full }: Pick<BitswapMessage, 'entries' | 'full'>): Promise<void> {
    if (full) this.#forgetAll()
    for (const entry of entries) if (entry.cancel) this.#cancel(keyOf(entry.cid))
    const fruitless = byPriority(entries).filter(entry => !entry.cancel && this.#takeWant(entry))
    this.#host.questioned(this.peer, fruitless.length)
    while (!this.#ended && this.#presences.size >= MAX_WAITING_PRESENCES) {
      // One for all of the peer's streams.
      this.#room ??= Promise.withResolvers()
      await this.#room.promise
    }
  }

  fulfil(wanted: Wanted, payload: Uint8Array | undefined): void {
    if (this.#ended || wanted.cancelled) {
      if (payload) this.#host.giveBackUnsent(this, wanted.bytes)
      return
    }
    if (!payload) {
      this.#wanted.delete(wanted.key)
      this.#miss(wanted.key, wanted.cid, WantType.BLOCK, wanted.sendDontHave)
      return
    }
    wanted.state = 'ready'
    wanted.payload = payload
    this.#ready.push(wanted)
    this.#flush()
  }

  /** Bitswap has no word for "not now". */
  refuse(wanted: Wanted): void {
    this.#wanted.delete(wanted.key)
    this.#decline(wanted)
  }

  gained(key: string): void {
    const missed = this.#missed.get(key)
    if (!missed) return
    this.#missed.delete(key)
    const { cid, type } = missed
    this.#takeWant({ cid, type, priority: 0, cancel: false, sendDontHave: false })
  }

  /** The peer is gone: what was read for it is given back. Idempotent. */
  end(): void {
    this.#forgetAll()
    this.#ended = true
    this.#presences.clear()
    this.#makeRoom()
  }

  /** True where it brings no block. */
  #takeWant({ cid, type, sendDontHave }: BitswapEntry): boolean {
    const key = keyOf(cid)
    const bytes = this.#host.sizeOf(cid)
    if (bytes === undefined) this.#miss(key, cid, type, sendDontHave)
    else if (type === WantType.HAVE) this.#answer(key, cid, Status.OK)
    else this.#want({ asker: this, key, cid, bytes, sendDontHave })
    return bytes === undefined || type === WantType.HAVE
  }

  #want(want: Omit<Wanted, 'state' | 'cancelled' | 'payload'>): void {
    if (this.#wanted.has(want.key)) return
    this.#missed.delete(want.key)
    const wanted: Wanted = { ...want, state: 'queued', cancelled: false, payload: undefined }
    if (this.#wanted.size < MAX_WANTED && this.#host.enqueue(wanted)) this.#wanted.set(wanted.key, wanted)
    else this.#decline(wanted)
  }

  #decline({ key, cid, sendDontHave }: Wanted): void {
    if (sendDontHave) this.#answer(key, cid, Status.BUSY)
    else this.#shipped({ statuses: [Status.BUSY], blocks: 0, payloadBytes: 0 })
  }

  #miss(key: string, cid: CID, type: WantType, sendDontHave: boolean): void {
    this.#missed.delete(key)
    this.#missed.set(key, { cid, type })
    const [oldest] = this.#missed.keys()
    if (this.#missed.size > MAX_MISSED && oldest !== undefined) this.#missed.delete(oldest)
    if (sendDontHave) this.#answer(key, cid, Status.MISSING)
  }

  #answer(key: string, cid: CID, status: Status): void {
    if (this.#presences.size >= MAX_KEPT_PRESENCES && !this.#presences.has(key)) return
    this.#presences.set(key, { cid, status })
    this.#flush()
  }

  #cancel(key: string): void {
    this.#missed.delete(key)
    const wanted = this.#wanted.get(key)
    if (!wanted) return
    this.#wanted.delete(key)
    this.#drop(wanted)
    if (wanted.state === 'ready') this.#ready = this.#ready.filter(ready => ready !== wanted)
  }

  /** What is being read comes back by `fulfil`; what is being sent has left `#wanted`. */
  #drop(wanted: Wanted): void {
    wanted.cancelled = true
    if (wanted.state === 'queued') this.#host.dequeue(wanted)
    else if (wanted.state === 'ready') this.#host.giveBackUnsent(this, wanted.bytes)
  }

  #forgetAll(): void {
    for (const wanted of this.#wanted.values()) this.#drop(wanted)
    this.#wanted.clear()
    this.#ready = []
    this.#missed.clear()
  }

  #flush(): void {
    if (this.#sending || this.#ended) return
    this.#sending = true
    // What becomes ready in this turn of the event loop goes together.
    setImmediate(() => void this.#send())
  }

  async #send(): Promise<void> {
    try {
      while (!this.#ended && this.#presences.size + this.#ready.length > 0) {
        await this.#sendOne(this.#nextPresences(), this.#nextBlocks())
        if (this.#presences.size < MAX_WAITING_PRESENCES) this.#makeRoom()
      }
    } catch {
      // It takes nothing: what it wants by then it has to ask for again.
      this.#forgetAll()
      this.#presences.clear()
      this.#makeRoom()
    } finally {
      this.#sending = false
    }
  }

  async #sendOne(
    presences: readonly { cid: CID; status: Status }[],
    wanted: readonly Wanted[],
  ): Promise<void> {
    const payloadBytes = wanted.reduce((sum, { bytes }) => sum + bytes, 0)
    try {
      const [first, ...others] = wanted
      const large = others.length === 0 && first && first.bytes > MAX_JOINED_BYTES ? first.payload : undefined
      const joined = large ? [] : wanted
      if (presences.length + joined.length > 0) {
        const message = encodeBitswap({
          presences: presences.map(({ cid, status }) => ({ cid, held: status === Status.OK })),
          blocks: joined.flatMap(({ cid, payload }) => (payload ? { cid, data: payload } : [])),
        })
        await this.#outbound.send(message)
      }
      if (large && first) await this.#outbound.send(encodeBlockHead(first.cid, large.byteLength), large)
      const statuses = [...presences.map(({ status }) => status), ...wanted.map(() => Status.OK)]
      this.#shipped({ statuses, blocks: wanted.length, payloadBytes })
    } finally {
      if (payloadBytes > 0) this.#host.giveBack(this, payloadBytes)
    }
  }

  #shipped(shipped: Omit<Shipped, 'protocol'>): void {
    this.#host.shipped(this.#peer, { ...shipped, protocol: BITSWAP.id })
  }

  #makeRoom(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  #nextPresences(): { cid: CID; status: Status }[] {
    const next = []
    for (const [key, presence] of this.#presences) {
      if (next.length === MAX_PRESENCES) break
      this.#presences.delete(key)
      next.push(presence)
    }
    return next
  }

  #nextBlocks(): Wanted[] {
    let bytes = 0
    let count = 0
    for (const wanted of this.#ready) {
      bytes += wanted.bytes
      if (count > 0 && bytes > MAX_JOINED_BYTES) break
      count++
    }
    const next = this.#ready.splice(0, count)
    for (const { key } of next) this.#wanted.delete(key)
    return next
  }
}

/** The most urgent first; those that are equally so as they came. */
function byPriority(entries: readonly BitswapEntry[]): BitswapEntry[] {
  return entries.toSorted((a, b) => b.priority - a.priority)
}
