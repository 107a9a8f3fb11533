import type { CID } from 'multiformats/cid'
import {
  type BlockStore,
  type Channel,
  type Events,
  isSkepError,
  type Logger,
  messageOf,
  type NetworkPort,
  type PeerId,
  type Peers,
} from '../../../core/api.ts'
import type { MembersConfig } from './config.ts'
import { Followers } from './followers.ts'
import { Holdings } from './holdings.ts'
import { KnownMembers } from './known-members.ts'
import type { Member } from './member.ts'
import type { MembersMetrics } from './metrics.ts'
import { Teller } from './teller.ts'
import { PROTOCOL } from './wire/codec.ts'

export interface MembersIndexDependencies {
  readonly network: Pick<NetworkPort, 'handle' | 'open' | 'connectedPeers' | 'value'>
  readonly blocks: Pick<BlockStore, 'has' | 'list' | 'stats' | 'onStored' | 'onDeleted' | 'onDamaged'>
  readonly events: Pick<Events, 'on'>
  readonly peers: Pick<Peers, 'report'>
  readonly metrics: MembersMetrics
  readonly log: Logger
  /** Who is asked what it holds, and goes on being told what this node holds. */
  isMember(peer: PeerId): boolean
  /** Monotonic milliseconds. */
  now(): number
}

/** One member in the status. */
export interface MemberStatus {
  readonly peer: string
  /** `loading`: not all is told yet. `kept`: it left, and may have changed since. */
  readonly state: 'loading' | 'current' | 'kept'
  readonly blocks: number
  /** It has more than there is room for. */
  readonly partial: boolean
  readonly bytes: number
  /** Look-ups that it was an answer to. */
  readonly finds: number
}

export interface MembersStatus {
  readonly members: readonly MemberStatus[]
  /** Connected members for whose blocks there is no room. */
  readonly leftOut: readonly string[]
  /** Streams on which members are told what this node holds. */
  readonly readers: number
  readonly blocks: number
  readonly bytes: number
  readonly maxBytes: number
}

/** Of a connection to a member that tells or is told. */
const WORTH = 30

/** How often it is seen who is a member, who left for good, and for whom there is room. */
const REVIEW_MS = 10_000

/**
 * Knows which blocks members hold, as they tell, and tells them which this node holds. Look-ups are answered from memory.
 * Runs once: `start`, then `stop`.
 */
export class MembersIndex {
  readonly #config: MembersConfig
  readonly #deps: MembersIndexDependencies
  readonly #holdings: Holdings
  readonly #teller: Teller
  readonly #members: KnownMembers
  readonly #followers: Followers
  readonly #listeners = new Set<(peer: PeerId) => void>()
  readonly #undo: (() => void)[] = []
  #isRunning = false
  #timer: NodeJS.Timeout | undefined

  constructor(config: MembersConfig, deps: MembersIndexDependencies) {
    this.#config = config
    this.#deps = deps
    const { blocks, metrics, log, now, isMember } = deps
    this.#holdings = new Holdings({
      blocks,
      log,
      now,
      logged: changes => {
        metrics.changes.inc({ direction: 'told' }, changes)
        this.#teller.changed()
      },
    })
    this.#teller = new Teller({
      holdings: this.#holdings,
      log,
      isMember,
      snapshot: () => metrics.snapshots.inc({ direction: 'told' }),
      now,
    })
    this.#members = new KnownMembers(config, {
      leftOut: (peer, bytes) => this.#followers.leaveOut(peer, bytes),
    })
    this.#followers = new Followers(config, {
      ...deps,
      members: this.#members,
      updated: peer => {
        for (const listener of this.#listeners) listener(peer)
      },
      turned: peer => {
        this.#appraise(peer)
        this.#schedule(this.#followers.follows(peer) ? REVIEW_MS : 0)
      },
    })
  }

  async start(): Promise<void> {
    const { network, events, metrics } = this.#deps
    this.#isRunning = true
    this.#undo.push(
      events.on('peer:connected', () => this.#review()),
      events.on('peer:disconnected', ({ peer }) => this.#followers.end(peer)),
    )
    metrics.observe(() => {
      const { members, leftOut, readers, blocks, bytes } = this.describe()
      return { members: members.length, leftOut: leftOut.length, readers, blocks, bytes }
    })
    await network.handle(PROTOCOL, channel => this.#serve(channel))
    this.#review()
  }

  /** Idempotent; works after half a start. */
  async stop(): Promise<void> {
    this.#isRunning = false
    clearTimeout(this.#timer)
    for (const step of this.#undo.splice(0)) step()
    this.#holdings.close()
    await Promise.all([this.#followers.stop(), this.#teller.stop()])
    this.#members.clear()
  }

  /** Members that hold the block as far as is known here: those that are connected, then those that left lately. */
  providersOf(cid: CID): PeerId[] {
    const hash = cid.multihash.bytes
    const holders = [...this.#members].filter(member => member.holds(hash))
    for (const holder of holders) holder.finds += 1
    this.#deps.metrics.lookups.inc({ result: holders.length > 0 ? 'found' : 'unknown' })
    return holders.sort((a, b) => Number(b.isFollowed) - Number(a.isFollowed)).map(({ peer }) => peer)
  }

  /**
   * True: the peer said that it holds the block, or one of its blocks has the same fingerprint by chance. False: it said
   * that it doesn't. Undefined: it isn't known.
   */
  mayHave(peer: PeerId, multihash: Uint8Array): boolean | undefined {
    const member = this.#members.get(peer)
    if (!member) return undefined
    if (member.holds(multihash)) return true
    return member.isFollowed && member.isWhole ? false : undefined
  }

  /** Tells of each member that told something new. `listener` must not throw. Returns the function that ends it. */
  onUpdated(listener: (peer: PeerId) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  describe(): MembersStatus {
    const members = [...this.#members]
    return {
      members: members.map(statusOf),
      leftOut: this.#followers.leftOut.map(String),
      readers: this.#teller.readers,
      blocks: members.reduce((sum, { blocks }) => sum + blocks, 0),
      bytes: members.reduce((sum, { bytes }) => sum + bytes, 0),
      maxBytes: this.#config.maxBytes,
    }
  }

  async #serve(channel: Channel): Promise<void> {
    if (!this.#isRunning) return
    const { peer } = channel
    const { peers } = this.#deps
    try {
      await this.#teller.serve(channel, () => this.#appraise(peer))
    } catch (error) {
      if (isSkepError(error, 'INDEX_VIOLATION')) peers.report(peer, 'protocol-violation', messageOf(error))
      throw error
    } finally {
      this.#appraise(peer)
    }
  }

  #review(): void {
    const { isMember, now } = this.#deps
    this.#teller.review()
    this.#members.review(now(), isMember)
    this.#followers.review()
    this.#schedule(REVIEW_MS)
  }

  /** Reviews in so long, or earlier where a stream is due to be opened. */
  #schedule(withinMs: number): void {
    clearTimeout(this.#timer)
    const { network, now } = this.#deps
    const isAlone = network.connectedPeers().length === 0 && this.#members.size === 0
    if (!this.#isRunning || isAlone) return
    const waitMs = Math.min(withinMs, Math.max(0, this.#followers.nextMs - now()))
    this.#timer = setTimeout(() => this.#review(), waitMs).unref()
  }

  #appraise(peer: PeerId): void {
    const isPartner = this.#followers.follows(peer) || this.#teller.tells(peer)
    this.#deps.network.value(peer, 'index', isPartner ? WORTH : 0)
  }
}

function statusOf({ peer, isFollowed, known, blocks, bytes, isPartial, finds }: Member): MemberStatus {
  const state = known === undefined ? 'loading' : isFollowed ? 'current' : 'kept'
  return { peer: peer.toString(), state, blocks, partial: isPartial, bytes, finds }
}
