import {
  type Events,
  type EvidenceKind,
  HEALTHY,
  type Health,
  type Logger,
  messageOf,
  type NetworkPort,
  type PeerId,
  type Peers,
  type Reputation,
  type ReputationReport,
} from '../../core/api.ts'
import type { BanList } from './ban-list.ts'
import { type BanOptions, banDurationMs, isBannable } from './ban-policy.ts'
import { Credits } from './credits.ts'
import { reputationError } from './errors.ts'
import { EVIDENCE } from './evidence.ts'
import { FaultAttribution, type Signs } from './fault-attribution.ts'
import type { ReputationMetrics } from './metrics.ts'
import { reportOf } from './report.ts'
import { BEST_SCORE, STRANGER_SCORE, scoreAt } from './score.ts'
import { signsOf } from './signs.ts'
import { excused, type Report, reported } from './standing.ts'
import type { StandingShelf } from './standing-shelf.ts'
import { StandingTable } from './standing-table.ts'
import type { Uptime } from './uptime.ts'

export interface JudgeDependencies {
  readonly peers: Peers
  readonly events: Events
  readonly network: Pick<NetworkPort, 'self' | 'connections' | 'value' | 'check'>
  readonly bans: BanList
  readonly shelf: StandingShelf
  readonly uptime: Uptime
  readonly metrics: Pick<ReputationMetrics, 'evidence' | 'bans'>
  readonly log: Logger
}

/** Peers that there is evidence of: some 600 bytes each. */
const MAX_PEERS = 4096

/** What the best score makes a connection worth. More than a neighbour in a table of the DHT, less than a member. */
const MAX_WORTH = 20

/** Bytes are credited, and what changed is handed to the bookkeeping, so often. */
const REVIEW_MS = 60_000

interface Charge extends Report {
  readonly peer: string
  readonly peerId: PeerId
}

/** What becomes of a report. */
export type Outcome = 'counted' | 'limited' | 'excused'

export interface ReputationStatus {
  readonly knownPeers: number
  /** Since the plugin started. */
  readonly reports: Readonly<Record<Outcome, number>>
  readonly bannedPeers: number
  /** The last made first; the first few. */
  readonly bans: readonly { readonly peer: string; readonly kind: EvidenceKind; readonly endsInMs: number }[]
}

/** Bans that the status names; metrics and `skep peers why` have the rest. */
const SHOWN_BANS = 16

/** Hears what peers did, keeps their standing, and bans those that can't be meant well. */
export class Judge implements Reputation {
  readonly #options: BanOptions
  readonly #deps: JudgeDependencies
  readonly #standings = new StandingTable({ maxPeers: MAX_PEERS })
  readonly #faults = new FaultAttribution<Charge>()
  readonly #credits: Credits
  readonly #signs = (): Signs => signsOf(this.#deps.peers.list())
  readonly #undo: (() => void)[] = []
  readonly #reports = { counted: 0, limited: 0, excused: 0 }
  /** The way to many was lost, and nobody has connected since. */
  #isLost = false
  #reviewedMs = 0
  #failure: string | undefined

  constructor(options: BanOptions, deps: JudgeDependencies) {
    this.#options = options
    this.#deps = deps
    this.#credits = new Credits({ peers: deps.peers, standings: this.#standings })
  }

  /** Takes in what earlier runs left, and listens from now on. */
  open(): void {
    const { events, bans, shelf, uptime } = this.#deps
    // The uptime on disk may be from before a crash, bans never are: none gets longer by it.
    uptime.resume(Math.max(shelf.load(this.#standings), bans.open()))
    this.#reviewedMs = uptime.nowMs()
    this.#credits.open()
    const lost = (peer: PeerId): void => {
      // Those that were hung up on tell nothing.
      if (!this.isBanned(peer)) this.#faults.failed(peer.toString(), uptime.nowMs(), this.#signs)
    }
    this.#undo.push(
      events.on('peer:evidence', ({ peer, ...report }) => this.#hear(peer, report)),
      events.on('peer:disconnected', ({ peer }) => lost(peer)),
      events.on('peer:liveness', ({ peer, liveness }) => {
        if (liveness === 'suspect') lost(peer)
      }),
      events.on('peer:connected', ({ peer }) => this.#connected(peer)),
      events.on('peer:forgotten', ({ peer }) => void this.#standings.delete(peer.toString())),
      events.on('network:changed', () => this.#faults.networkChanged(uptime.nowMs())),
    )
  }

  /** Hands over what is to survive. Idempotent. */
  async close(): Promise<void> {
    const { bans, shelf, uptime } = this.#deps
    if (this.#undo.length === 0) return
    for (const step of this.#undo.splice(0)) step()
    this.#credits.take(uptime.nowMs())
    await Promise.all([bans.save(), shelf.save(this.#standings, uptime.nowMs())])
  }

  /** Called every few seconds: settles what was held, credits bytes, ends bans. */
  review(): void {
    const { bans, network, uptime, log } = this.#deps
    const nowMs = uptime.nowMs()
    const verdict = this.#faults.settle(nowMs, this.#signs)
    for (const charge of verdict?.theirs ?? []) this.#charge(charge)
    for (const charge of verdict?.ours ?? []) this.#excuse(charge)
    if (verdict?.isLost) {
      this.#isLost = true
      log.info('many peers failed at once: all are asked whether they are there, and nobody is charged')
      network.check()
    }
    if (nowMs - this.#reviewedMs < REVIEW_MS) return
    this.#reviewedMs = nowMs
    for (const peer of this.#credits.take(nowMs)) this.#value(peer)
    if (bans.review(nowMs)) this.#saveBans()
    // An idle node writes nothing: the time alone is worth a write while a ban is to end by it.
    if (this.#standings.isChanged || bans.list(nowMs).length > 0) void this.#saveStandings()
  }

  scoreOf(peer: PeerId): number {
    return this.#scoreOf(peer.toString())
  }

  isBanned(peer: PeerId): boolean {
    const { bans, uptime } = this.#deps
    return bans.active(peer.toString(), uptime.nowMs()) !== undefined
  }

  why(peer: PeerId): ReputationReport {
    const { bans, uptime } = this.#deps
    const key = peer.toString()
    const nowMs = uptime.nowMs()
    this.#credits.takeOf(peer, nowMs)
    return reportOf(key, { standing: this.#standings.get(key), ban: bans.get(key) }, nowMs)
  }

  async pardon(peer: PeerId): Promise<boolean> {
    const { bans, events, shelf, uptime } = this.#deps
    const key = peer.toString()
    // What it has delivered is known already: it doesn't count again.
    this.#credits.takeOf(peer, uptime.nowMs())
    const wasKnown = this.#standings.delete(key)
    const wasBanned = bans.remove(key)
    this.#value(peer)
    await Promise.all([bans.save(), shelf.save(this.#standings, uptime.nowMs())])
    if (wasKnown || wasBanned) events.emit('peer:pardoned', { peer })
    return wasKnown || wasBanned
  }

  /** Ids of peers that are kept out now. */
  banned(): string[] {
    return this.#deps.bans.list(this.#deps.uptime.nowMs()).map(([peer]) => peer)
  }

  status(): ReputationStatus {
    const nowMs = this.#deps.uptime.nowMs()
    const bans = this.#deps.bans.list(nowMs).reverse()
    return {
      knownPeers: this.#standings.size,
      reports: { ...this.#reports },
      bannedPeers: bans.length,
      bans: bans
        .slice(0, SHOWN_BANS)
        .map(([peer, { kind, untilMs }]) => ({ peer, kind, endsInMs: untilMs - nowMs })),
    }
  }

  health(): Health {
    const failure = this.#deps.bans.failure ?? this.#failure
    if (!failure) return HEALTHY
    return {
      status: 'degraded',
      reason: `bans and evidence are not on disk, a restart loses them: ${failure}`,
    }
  }

  #hear(peerId: PeerId, report: Report): void {
    const { network, uptime } = this.#deps
    if (peerId.equals(network.self)) return
    const charge = { ...report, peer: peerId.toString(), peerId }
    if (!EVIDENCE[report.kind].mayBeOurs) this.#charge(charge)
    else if (!this.#faults.hold(charge, uptime.nowMs(), this.#signs)) this.#excuse(charge)
  }

  #connected(peer: PeerId): void {
    this.#faults.connected(peer.toString(), this.#deps.uptime.nowMs())
    this.#value(peer)
    if (!this.#isLost) return
    this.#isLost = false
    this.#deps.events.emit('network:changed', { reason: 'restored' })
  }

  #charge({ peer, peerId, kind, detail }: Charge): void {
    const nowMs = this.#deps.uptime.nowMs()
    this.#credits.takeOf(peerId, nowMs)
    const { standing, isCounted } = reported(this.#standings.get(peer), { kind, detail }, nowMs)
    this.#standings.set(peer, standing, nowMs)
    this.#note(kind, isCounted ? 'counted' : 'limited')
    if (!isCounted) return
    this.#value(peerId)
    if (isBannable(standing, { kind }, nowMs) && !this.isBanned(peerId)) this.#ban(peerId, { kind, detail })
  }

  #excuse({ peer, kind, detail }: Charge): void {
    const nowMs = this.#deps.uptime.nowMs()
    this.#standings.set(peer, excused(this.#standings.get(peer), { kind, detail }, nowMs), nowMs)
    this.#note(kind, 'excused')
  }

  #note(kind: EvidenceKind, result: Outcome): void {
    this.#reports[result] += 1
    this.#deps.metrics.evidence.inc({ kind, result })
  }

  #ban(peer: PeerId, { kind, detail }: Report): void {
    const { bans, events, metrics, network, uptime, log } = this.#deps
    const key = peer.toString()
    const nowMs = uptime.nowMs()
    const earlierBans = bans.get(key)?.times ?? 0
    const durationMs = banDurationMs(earlierBans, this.#options)
    bans.add(key, { kind, detail, madeMs: nowMs, untilMs: nowMs + durationMs, times: earlierBans + 1 })
    this.#saveBans()
    metrics.bans.inc({ kind })
    log.warn({ peer: key, kind, detail, durationMs, earlierBans }, 'a peer is banned')
    const error = reputationError('PEER_BANNED', `${key} is banned: ${kind}: ${detail}`)
    // Whoever reported it is in the midst of something with the peer.
    queueMicrotask(() => {
      for (const connection of network.connections(peer)) connection.abort(error)
    })
    events.emit('peer:banned', { peer, kind, durationMs })
  }

  #scoreOf(peer: string): number {
    return scoreAt(this.#standings.get(peer), this.#deps.uptime.nowMs())
  }

  #value(peer: PeerId): void {
    const share = (this.scoreOf(peer) - STRANGER_SCORE) / (BEST_SCORE - STRANGER_SCORE)
    this.#deps.network.value(peer, 'score', Math.round(Math.max(0, share) * MAX_WORTH))
  }

  #saveBans(): void {
    const { bans, log } = this.#deps
    bans
      .save()
      .catch(err => log.error({ err }, 'a ban could not be written: a restart would let the peer in'))
  }

  async #saveStandings(): Promise<void> {
    const { shelf, uptime, log } = this.#deps
    try {
      await shelf.save(this.#standings, uptime.nowMs())
      this.#failure = undefined
    } catch (err) {
      this.#failure = messageOf(err)
      log.warn({ err }, 'what is known of peers could not be written')
    }
  }
}
