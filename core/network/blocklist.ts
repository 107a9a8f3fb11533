import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Logger } from '../logger.ts'
import type { Bucket, KeyValueStore } from '../storage/storage.ts'
import { type BlockKind, type BlockTarget, readTarget } from './block-target.ts'
import { networkError } from './errors.ts'
import { type IpNetwork, ipOf, networkText, within } from './ip-network.ts'

/** Who may not connect, in or out: peers, addresses, networks. Relayed connections are known by their peer alone. */
export interface Blocklist {
  /**
   * Blocks an IP address, a network such as `192.0.2.0/24`, or a peer id, and hangs up what is open to it. Resolves once it
   * has flushed; a target that is blocked at run time already gets the new expiry and reason.
   *
   * @throws SkepError BLOCK_INVALID where `target` is none of these, BLOCK_CONFIGURED, BLOCKLIST_FULL
   */
  block(target: string, options?: BlockOptions): Promise<Block>
  /** Whether there was such a block. @throws SkepError BLOCK_INVALID, BLOCK_CONFIGURED */
  unblock(target: string): Promise<boolean>
  /** All that count now, those of the configuration first, then in the order they came. */
  list(): Block[]
  /** A block that speaks against `who`: its peer, then the narrowest network. */
  isBlocked(who: { readonly peer?: PeerId; readonly address?: Multiaddr }): Block | undefined
}

export interface BlockOptions {
  /** Default: for good. */
  readonly expiresInMs?: number
  /** For a person; cut at 256 characters. */
  readonly reason?: string
}

/** Plain JSON. */
export interface Block {
  /** In its usual form: a network without host bits, IPv6 in lower case and short. */
  readonly target: string
  readonly kind: BlockKind
  readonly origin: 'config' | 'run-time'
  /** Wall clock; of a configured one there is none. */
  readonly blockedMs?: number
  /** Milliseconds left; absent where it doesn't end. */
  readonly expiresInMs?: number
  readonly reason?: string
}

/**
 * Blocks made at run time. A whole network is one of them, so a person never needs as many; a program that makes more loses
 * those that end soonest.
 */
export const MAX_BLOCKS = 4096
const MAX_REASON_CHARACTERS = 256

/** Run-time blocks by target, as JSON; flushed, as a person asked for each. */
const BUCKET = 'blocklist'

export interface BlocklistOptions {
  /** Of the configuration; each a target. */
  readonly blocked: readonly string[]
}

export interface BlocklistDependencies {
  readonly store: KeyValueStore
  readonly log: Logger
  /** Wall clock, for what lasts longer than this process. */
  wallMs(): number
  /** Monotonic: what ends, ends by this one, whatever happens to the wall clock. */
  nowMs(): number
}

interface Entry {
  readonly target: BlockTarget
  readonly origin: Block['origin']
  readonly blockedMs?: number
  /** Monotonic. */
  readonly untilMs: number
  readonly reason?: string
}

/** What is on disk. */
interface Saved {
  readonly blockedMs: number
  readonly durationMs?: number
  readonly reason?: string
}

/** The block list of a node. Whoever can hang up listens. */
export class NodeBlocklist implements Blocklist {
  readonly #deps: BlocklistDependencies
  readonly #bucket: Bucket
  /** By target; configured ones first. */
  readonly #entries = new Map<string, Entry>()
  /** How many blocked networks have that prefix length, by family: all that a look-up has to try. */
  readonly #prefixes = new Map<string, number>()
  #onBlock: (block: Block) => void = () => {}

  /** Reads what was blocked at run time. @throws SkepError BLOCK_INVALID of a configured target */
  constructor({ blocked }: BlocklistOptions, deps: BlocklistDependencies) {
    this.#deps = deps
    this.#bucket = deps.store.bucket(BUCKET)
    for (const text of blocked) {
      this.#put({ target: targetOf(text), origin: 'config', untilMs: Number.POSITIVE_INFINITY })
    }
    for (const [key, value] of this.#bucket.entries()) this.#load(Buffer.from(key).toString(), value)
  }

  /** Called after each new block. One listener: the network. */
  set onBlock(listener: (block: Block) => void) {
    this.#onBlock = listener
  }

  async block(text: string, { expiresInMs, reason }: BlockOptions = {}): Promise<Block> {
    const target = targetOf(text)
    if (this.#entries.get(target.text)?.origin === 'config') throw configured(target.text)
    const leaving = this.#makeRoom(target.text)
    const blockedMs = this.#deps.wallMs()
    const entry: Entry = {
      target,
      origin: 'run-time',
      blockedMs,
      untilMs: this.#deps.nowMs() + (expiresInMs ?? Number.POSITIVE_INFINITY),
      ...(reason !== undefined && { reason: reason.slice(0, MAX_REASON_CHARACTERS) }),
    }
    // It counts at once; the disk may take its time.
    for (const gone of leaving) this.#remove(gone)
    this.#remove(target.text)
    this.#put(entry)
    const block = this.#shown(entry)
    this.#onBlock(block)
    const saved: Saved = {
      blockedMs,
      ...(expiresInMs !== undefined && { durationMs: expiresInMs }),
      ...(entry.reason !== undefined && { reason: entry.reason }),
    }
    await this.#deps.store.write(batch => {
      for (const gone of leaving) batch.delete(this.#bucket, Buffer.from(gone))
      batch.put(this.#bucket, Buffer.from(target.text), Buffer.from(JSON.stringify(saved)))
    })
    return block
  }

  async unblock(text: string): Promise<boolean> {
    const target = targetOf(text, 'unblocked')
    const entry = this.#entries.get(target.text)
    if (entry?.origin === 'config') throw configured(target.text)
    const counted = entry !== undefined && this.#counts(entry)
    if (!entry) return false
    this.#remove(target.text)
    await this.#deps.store.write(batch => batch.delete(this.#bucket, Buffer.from(target.text)))
    return counted
  }

  list(): Block[] {
    return [...this.#entries.values()].filter(entry => this.#counts(entry)).map(entry => this.#shown(entry))
  }

  isBlocked({ peer, address }: { readonly peer?: PeerId; readonly address?: Multiaddr }): Block | undefined {
    const byPeer = peer && this.#counting(peer.toString())
    const ip = address && ipOf(address)
    return byPeer ?? (ip && this.isIpBlocked(ip))
  }

  isIpBlocked(ip: IpNetwork): Block | undefined {
    const bits = ip.bytes.length * 8
    for (let prefix = bits; prefix >= 0; prefix--) {
      if (!this.#prefixes.has(`${ip.family}/${prefix}`)) continue
      const block = this.#counting(networkText(within(ip, prefix)))
      if (block) return block
    }
    return undefined
  }

  #counting(text: string): Block | undefined {
    const entry = this.#entries.get(text)
    return entry && this.#counts(entry) ? this.#shown(entry) : undefined
  }

  #counts({ untilMs }: Entry): boolean {
    return untilMs > this.#deps.nowMs()
  }

  #shown({ target: { text, kind }, origin, blockedMs, untilMs, reason }: Entry): Block {
    return {
      target: text,
      kind,
      origin,
      ...(blockedMs !== undefined && { blockedMs }),
      ...(Number.isFinite(untilMs) && { expiresInMs: Math.max(0, untilMs - this.#deps.nowMs()) }),
      ...(reason !== undefined && { reason }),
    }
  }

  /** Targets to forget so that `text` has room: all that have ended, and then the one that ends first. */
  #makeRoom(text: string): string[] {
    const others = [...this.#entries.values()].filter(
      ({ origin, target }) => origin === 'run-time' && target.text !== text,
    )
    if (others.length < MAX_BLOCKS) return []
    const ended = others.filter(entry => !this.#counts(entry)).map(({ target }) => target.text)
    if (ended.length > 0) return ended
    const first = others.reduce((a, b) => (b.untilMs < a.untilMs ? b : a))
    if (Number.isFinite(first.untilMs)) return [first.target.text]
    throw networkError('BLOCKLIST_FULL', `${text} is not blocked: ${MAX_BLOCKS} others are, all for good`)
  }

  #put(entry: Entry): void {
    this.#entries.set(entry.target.text, entry)
    this.#count(entry.target, 1)
  }

  #remove(text: string): void {
    const entry = this.#entries.get(text)
    if (entry && this.#entries.delete(text)) this.#count(entry.target, -1)
  }

  #count({ network }: BlockTarget, change: number): void {
    if (!network) return
    const key = `${network.family}/${network.prefix}`
    const count = (this.#prefixes.get(key) ?? 0) + change
    if (count > 0) this.#prefixes.set(key, count)
    else this.#prefixes.delete(key)
  }

  /** One that can't be read costs no start. */
  #load(text: string, value: Uint8Array): void {
    const { nowMs, wallMs, log } = this.#deps
    try {
      const target = targetOf(text)
      if (this.#entries.has(target.text)) return
      const saved: unknown = JSON.parse(Buffer.from(value).toString())
      if (!isSaved(saved)) throw new TypeError('this is no block')
      const { blockedMs, durationMs, reason } = saved
      // A board without a clock may start in the past: then the whole time begins anew.
      const elapsedMs = Math.max(0, wallMs() - blockedMs)
      const untilMs = nowMs() + (durationMs ?? Number.POSITIVE_INFINITY) - elapsedMs
      this.#put({ target, origin: 'run-time', blockedMs, untilMs, ...(reason !== undefined && { reason }) })
    } catch (error) {
      log.warn({ err: error, target: text }, 'a block could not be read: it does not count')
    }
  }
}

/** False of what a disk has damaged. */
function isSaved(value: unknown): value is Saved {
  const { blockedMs, durationMs = 0, reason = '' } = (value ?? {}) as Readonly<Record<keyof Saved, unknown>>
  const areTimes = [blockedMs, durationMs].every(ms => Number.isFinite(ms) && Number(ms) >= 0)
  return areTimes && typeof reason === 'string'
}

function targetOf(text: string, wish = 'blocked'): BlockTarget {
  const target = readTarget(text)
  if (target) return target
  const expected =
    'an IP address, a network such as 192.0.2.0/24 or 2001:db8::/32, or a peer id like 12D3KooW…'
  throw networkError('BLOCK_INVALID', `'${text}' can't be ${wish}; expected ${expected}`)
}

function configured(target: string): Error {
  return networkError('BLOCK_CONFIGURED', `${target} is blocked by the configuration`)
}
