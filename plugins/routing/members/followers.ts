import { isSkepError, messageOf, type NetworkPort, type PeerId, type Peers } from '../../../core/api.ts'
import { membersError } from './errors.ts'
import type { KnownMembers } from './known-members.ts'
import type { Member } from './member.ts'
import type { MembersMetrics } from './metrics.ts'
import { Pace } from './pace.ts'
import { decodeUpdate, encodeSubscribe, PROTOCOL } from './wire/codec.ts'

export interface FollowersOptions {
  readonly maxBlocksPerPeer: number
}

export interface FollowersDependencies {
  readonly network: Pick<NetworkPort, 'open' | 'connectedPeers'>
  readonly members: KnownMembers
  readonly peers: Pick<Peers, 'report'>
  readonly metrics: Pick<MembersMetrics, 'changes' | 'snapshots'>
  isMember(peer: PeerId): boolean
  /** A member told something new. */
  updated(peer: PeerId): void
  /** Following began or ended. */
  turned(peer: PeerId): void
  /** Monotonic milliseconds. */
  now(): number
}

/** A connected member that is, or will be, followed. */
interface Link {
  readonly peer: PeerId
  /** Ends the stream that is open, or opening. */
  over: AbortController | undefined
  failures: number
  fromMs: number
  retryMs: number
  /** What its blocks would have taken, where there was no room. */
  missedBytes: number | undefined
}

/** A stream that broke is opened again after this, doubled with each further failure. */
const MIN_RETRY_MS = 1000
const MAX_RETRY_MS = 300_000
/** One that lasted so long was no failure. */
const SETTLED_MS = 60_000

/** Blocks that one member may tell of in a second; where it has more to tell it waits. */
const CHANGES = { perSecond: 50_000, burst: 100_000 }
/** What a message costs beside, in blocks. */
const MESSAGE_COST = 10
/** A snapshot begins with memory for all of it: so many bytes of it cost as much as a block. */
const BYTES_A_BLOCK = 64

/** Follows what connected members hold, each on a stream of its own for as long as it is connected. */
export class Followers {
  readonly #options: FollowersOptions
  readonly #deps: FollowersDependencies
  /** By peer; as many as are connected. */
  readonly #links = new Map<string, Link>()
  readonly #running = new Set<Promise<void>>()
  #isOver = false

  constructor(options: FollowersOptions, deps: FollowersDependencies) {
    this.#options = options
    this.#deps = deps
  }

  /** Connected members for whose blocks there is no room. */
  get leftOut(): PeerId[] {
    return [...this.#links.values()].flatMap(({ peer, missedBytes }) =>
      missedBytes === undefined ? [] : peer,
    )
  }

  /** When the next stream is due to be opened. */
  get nextMs(): number {
    const waiting = [...this.#links.values()].filter(link => !link.over && this.#hasRoom(link))
    return Math.min(...waiting.map(({ retryMs }) => retryMs))
  }

  follows(peer: PeerId): boolean {
    return this.#links.get(peer.toString())?.over !== undefined
  }

  /** Follows who should be followed now, and nobody else. */
  review(): void {
    const { network, isMember, now } = this.#deps
    const nowMs = now()
    const connected = network.connectedPeers().filter(isMember)
    const keys = new Set(connected.map(String))
    for (const [key, { peer }] of this.#links) if (!keys.has(key)) this.end(peer)
    for (const peer of connected) {
      const link = this.#linkTo(peer, nowMs)
      if (link.over || link.retryMs > nowMs) continue
      if (this.#hasRoom(link)) this.#begin(link)
    }
  }

  /** Ends following a peer that left. */
  end(peer: PeerId): void {
    const link = this.#links.get(peer.toString())
    this.#links.delete(peer.toString())
    link?.over?.abort()
  }

  /** Ends following a peer for whose blocks there is no room. */
  leaveOut(peer: PeerId, bytes: number): void {
    const link = this.#links.get(peer.toString())
    if (!link) return
    link.missedBytes = bytes
    link.over?.abort()
  }

  /** Resolves when all streams are over. */
  async stop(): Promise<void> {
    this.#isOver = true
    for (const { over } of this.#links.values()) over?.abort()
    this.#links.clear()
    await Promise.all(this.#running)
  }

  #hasRoom({ missedBytes }: Link): boolean {
    return missedBytes === undefined || this.#deps.members.hasRoom(missedBytes)
  }

  #linkTo(peer: PeerId, nowMs: number): Link {
    const key = peer.toString()
    const known = this.#links.get(key)
    if (known) return known
    const link: Link = {
      peer,
      over: undefined,
      failures: 0,
      fromMs: nowMs,
      retryMs: nowMs,
      missedBytes: undefined,
    }
    this.#links.set(key, link)
    return link
  }

  #begin(link: Link): void {
    if (this.#isOver) return
    const over = new AbortController()
    link.over = over
    link.fromMs = this.#deps.now()
    link.missedBytes = undefined
    const running = this.#run(link, over.signal).finally(() => {
      this.#running.delete(running)
      link.over = undefined
      this.#deps.turned(link.peer)
    })
    this.#running.add(running)
    this.#deps.turned(link.peer)
  }

  /** Follows until the stream ends, for whatever reason. */
  async #run(link: Link, signal: AbortSignal): Promise<void> {
    try {
      await this.#follow(link, signal)
    } catch (error) {
      this.#failed(link, error)
    }
  }

  async #follow(link: Link, signal: AbortSignal): Promise<void> {
    const { network, members, now } = this.#deps
    const { maxBlocksPerPeer: maxBlocks } = this.#options
    const channel = await network.open(link.peer, PROTOCOL, { signal })
    let member: Member | undefined
    try {
      member = members.admit(link.peer)
      const { known } = member
      await channel.write(encodeSubscribe({ ...(known && { known }), maxBlocks }), undefined, { signal })
      const pace = new Pace(CHANGES, { now })
      for (;;) {
        const message = await channel.read({ signal })
        if (!message) throw membersError('INDEX_OVER', `${link.peer} tells no more`)
        await pace.take(this.#apply(member, message), { signal })
      }
    } finally {
      member?.left(now())
      channel.abort(membersError('INDEX_OVER', `${link.peer} is not followed any more`))
    }
  }

  /** Returns what that cost, in blocks. */
  #apply(member: Member, bytes: Uint8Array): number {
    const { metrics, updated } = this.#deps
    const message = decodeUpdate(bytes)
    const isSnapshot = message.kind === 'start' && message.snapshot
    if (isSnapshot) metrics.snapshots.inc({ direction: 'heard' })
    const told = member.apply(message)
    metrics.changes.inc({ direction: 'heard' }, told)
    updated(member.peer)
    return told + MESSAGE_COST + (isSnapshot ? member.bytes / BYTES_A_BLOCK : 0)
  }

  #failed(link: Link, error: unknown): void {
    const { members, peers, now } = this.#deps
    if (now() - link.fromMs >= SETTLED_MS) link.failures = 0
    if (isSkepError(error, 'INDEX_VIOLATION')) {
      members.forget(link.peer)
      peers.report(link.peer, 'protocol-violation', messageOf(error))
      link.failures = Number.POSITIVE_INFINITY
    }
    link.retryMs = now() + Math.min(MIN_RETRY_MS * 2 ** link.failures, MAX_RETRY_MS)
    link.failures += 1
  }
}
