import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { byteKey, isSkepError, messageOf, multihashOf } from '../../../core/api.ts'
import { keyOf } from '../block-key.ts'
import { type Asked, owedOf } from '../requester/asks.ts'
import type { Fault, LinkDependencies, LinkEvents, LinkOptions } from '../requester/link.ts'
import { PeerLink } from '../requester/peer-link.ts'
import type { Want } from '../requester/want.ts'
import {
  BITSWAP,
  type BitswapBlock,
  type BitswapEntry,
  type BitswapMessage,
  type BitswapPresence,
  encodeBitswap,
  WantType,
} from '../wire/bitswap-codec.ts'
import { Mode, Status } from '../wire/codec.ts'
import type { Outbound } from './outbound.ts'
import { Recent } from './recent.ts'

/** Wants a peer may owe us, and misses it may keep for us: together what Helia and Kubo remember of one peer. */
const MAX_WANTS = 512
const MAX_MISSED = 512

export interface BitswapLinkDependencies extends LinkDependencies {
  readonly outbound: Outbound
  /** A block came that nobody asked for. */
  unasked(link: BitswapLink): void
  /** Whether a block is here, by its multihash. */
  holds(hash: Uint8Array): boolean
  /** The link is no longer in use. */
  dropped(link: BitswapLink): void
}

/**
 * A link over Bitswap. The peer answers on streams of its own, which whoever reads them hands to `receive`. It keeps every
 * want until it has sent the block, also those it has answered with a miss, so that all must be taken back that are over.
 */
export class BitswapLink extends PeerLink {
  readonly protocol = BITSWAP.id
  readonly #outbound: Outbound
  readonly #events: LinkEvents
  readonly #unasked: BitswapLinkDependencies['unasked']
  readonly #holds: BitswapLinkDependencies['holds']
  readonly #dropped: BitswapLinkDependencies['dropped']
  readonly #byKey = new Map<string, Asked>()
  /** What the peer hasn't and will tell us when it has. In the order of its answers. */
  readonly #missed = new Map<string, Want>()
  /** What it may still send. */
  readonly #recent = new Recent()
  #toSend: Asked[] = []
  #toCancel = new Map<string, CID>()
  #sending = false
  /** The first message voids what an earlier link asked for. */
  #first = true

  constructor(peer: PeerId, options: LinkOptions, deps: BitswapLinkDependencies) {
    super(peer, options, deps)
    this.#outbound = deps.outbound
    this.#events = deps.events
    this.#unasked = deps.unasked
    this.#holds = deps.holds
    this.#dropped = deps.dropped
  }

  get roomWants(): number {
    return MAX_WANTS - this.asks.size
  }

  get open(): boolean {
    return this.asks.size > 0
  }

  /** What the peer may be sending us. */
  get expectsBlocks(): boolean {
    return this.asks.size + this.#missed.size + this.#recent.size > 0
  }

  ask(want: Want, mode: Mode): number {
    const before = this.#byKey.get(want.key)
    if (before) this.cancel(before.id)
    const asked = this.asks.add(want, mode, mode === Mode.BLOCK ? want.bytes : 0)
    this.#byKey.set(want.key, asked)
    this.#missed.delete(want.key)
    this.#toSend.push(asked)
    this.#flush()
    return asked.id
  }

  cancel(id: number): void {
    const asked = this.asks.get(id)
    if (!asked) return
    asked.cancelled = true
    this.#settle(asked, 0)
    if (asked.sent) this.#takeBack(asked.want)
  }

  forget(want: Want): void {
    const asked = this.#byKey.get(want.key)
    if (asked) this.cancel(asked.id)
    else if (this.#missed.delete(want.key)) this.#takeBack(want)
  }

  drop(reason: string, fault?: Fault): void {
    const owed = this.#end()
    this.asks.pause()
    if (owed.size > 0 || fault) this.#events.broken(this, owed, reason, fault)
  }

  /** Its streams close by themselves. */
  async rest(): Promise<void> {}

  /** Takes what the peer sent: blocks and presences. */
  receive({ blocks, presences }: Pick<BitswapMessage, 'blocks' | 'presences'>): void {
    for (const block of blocks) this.#takeBlock(block)
    for (const presence of presences) this.#takePresence(presence)
    this.asks.learn()
    this.#events.progressed(this)
  }

  #takeBlock({ hashCode, digestBytes, data }: BitswapBlock): void {
    if (!this.expectsBlocks) {
      this.#unasked(this)
      return
    }
    const hash = multihashOf(hashCode, digestBytes, data)
    const key = hash && byteKey(hash)
    const asked = key === undefined ? undefined : this.#byKey.get(key)
    const want = asked?.want ?? (key === undefined ? undefined : this.#missed.get(key))
    if (key === undefined || !want) {
      if (key !== undefined && this.#recent.excuses(key)) this.#events.wasted()
      else if (this.asks.size > 0 && !this.#isKnown(hash)) this.#events.forged(this, data.byteLength)
      else this.#unasked(this)
      return
    }
    this.#missed.delete(key)
    this.#recent.add(key)
    if (asked) this.#settle(asked, data.byteLength)
    this.asks.thrive()
    if (data.byteLength <= want.maxBytes) {
      // A copy: the message has other blocks, and whoever gets this one may give its memory back.
      this.#events.verified(this, want, new Uint8Array(data))
      return
    }
    this.#events.wasted()
    this.#events.answered(this, want, asked?.mode ?? Mode.HAVE, Status.OK, data.byteLength)
  }

  /** What an earlier connection, or an earlier run of this node, asked for comes late: no alteration has the hash of another block. */
  #isKnown(hash: Uint8Array | undefined): boolean {
    if (hash === undefined) return false
    const key = byteKey(hash)
    return this.#recent.has(key) || this.#events.isWanted(key) || this.#holds(hash)
  }

  #takePresence({ cid, held }: BitswapPresence): void {
    const key = keyOf(cid)
    const asked = this.#byKey.get(key)
    if (!asked) {
      if (held && this.#missed.delete(key)) this.#events.gained(this, [cid])
      return
    }
    // The block itself is on its way.
    if (held && asked.mode === Mode.BLOCK) return
    if (asked.mode === Mode.HAVE) this.asks.heard(asked)
    this.#settle(asked, 0)
    if (!held) this.#miss(key, asked.want)
    this.#events.answered(this, asked.want, asked.mode, held ? Status.OK : Status.MISSING, undefined)
  }

  #miss(key: string, want: Want): void {
    this.#missed.set(key, want)
    const [oldest] = this.#missed.values()
    if (this.#missed.size <= MAX_MISSED || !oldest) return
    this.#missed.delete(oldest.key)
    this.#takeBack(oldest)
  }

  #settle(asked: Asked, deliveredBytes: number): void {
    this.asks.settle(asked, deliveredBytes)
    this.#byKey.delete(asked.want.key)
  }

  #takeBack({ key, cid }: Want): void {
    this.#recent.add(key)
    this.#toCancel.set(key, cid)
    this.#flush()
  }

  /** Ends all that is going on; returns what was owed. */
  #end(): Set<Want> {
    const asks = this.asks.clear()
    this.#byKey.clear()
    this.#toSend = []
    for (const { sent, want } of asks) if (sent) this.#takeBack(want)
    for (const want of this.#missed.values()) this.#takeBack(want)
    this.#missed.clear()
    return owedOf(asks)
  }

  /** Sends what was asked and cancelled in this turn of the event loop, together. */
  #flush(): void {
    if (this.#sending) return
    this.#sending = true
    queueMicrotask(() => void this.#send())
  }

  async #send(): Promise<void> {
    try {
      while (this.#toSend.length + this.#toCancel.size > 0) {
        const entries = this.#nextEntries()
        if (entries.length === 0) continue
        const full = this.#first
        this.#first = false
        await this.#outbound.send(encodeBitswap({ entries, full }))
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#sending = false
    }
  }

  /** Cancels alone, before wants: in one message, Kubo would take them for one entry where the CID is the same. */
  #nextEntries(): BitswapEntry[] {
    if (this.#toCancel.size > 0) {
      const cids = [...this.#toCancel.values()]
      this.#toCancel.clear()
      return cids.map(cid => {
        return { cid, priority: 0, cancel: true, type: WantType.BLOCK, sendDontHave: false }
      })
    }
    const asks = this.#toSend.splice(0).filter(({ cancelled }) => !cancelled)
    return asks.map((asked, index) => {
      asked.sent = true
      const type = asked.mode === Mode.BLOCK ? WantType.BLOCK : WantType.HAVE
      return { cid: asked.want.cid, priority: asks.length - index, cancel: false, type, sendDontHave: true }
    })
  }

  #fail(error: unknown): void {
    this.#toCancel.clear()
    this.#first = true
    if (isSkepError(error, 'PROTOCOL_UNSUPPORTED')) {
      const reason = `does not speak ${BITSWAP.id}`
      const owed = this.#end()
      this.#toCancel.clear()
      this.#dropped(this)
      this.#events.unsupported(this, owed, reason)
      return
    }
    this.drop(`lost the stream: ${messageOf(error)}`)
    this.#toCancel.clear()
  }
}
