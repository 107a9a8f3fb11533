import type { PeerId } from '@libp2p/interface'
import { type Clock, type KeyValueStore, type Logger, messageOf } from '../../../core/api.ts'
import type { ProvideConfig } from '../config.ts'
import { placeOf } from '../dht/key-space.ts'
import type { RoutingMetrics } from '../metrics.ts'
import { canBeAnnounced, type HashesDependencies, hashesOf } from './hashes.ts'
import { dueMs, loadProgress, nextPeriod, overdue, type Progress, resumed, saveProgress } from './progress.ts'
import { batchOf, byPlace, nextRange, type PlacedHash, sliceOf } from './slice.ts'

/** What the announcer needs of the DHT. */
export interface AnnounceNetwork {
  readonly peers: number
  readonly bucketSize: number
  /** Where others are told to come. */
  readonly addresses: readonly unknown[]
  closest(key: Uint8Array, signal: AbortSignal): Promise<PeerId[]>
  announce(peer: PeerId, hashes: readonly Uint8Array[], signal: AbortSignal): Promise<void>
}

export interface AnnouncerDependencies extends HashesDependencies {
  readonly dht: AnnounceNetwork
  readonly store: KeyValueStore
  readonly metrics: Pick<RoutingMetrics, 'announced' | 'announceFailures' | 'announceLookups'>
  readonly log: Logger
  readonly clock: Clock
}

export type AnnounceState = 'off' | 'alone' | 'unreachable' | 'announcing' | 'resting'

interface AnnounceOptions {
  onTold?(hash: PlacedHash): void
  /** Called between batches, for what comes first. */
  between?(): unknown
}

/** New pins that wait to be announced; beyond it the oldest wait for the sweep. */
const MAX_NEW = 1024
/** Nodes told at a time. */
const PARALLEL = 4
/** One look-up, or the announcements to one node. */
const STEP_TIMEOUT_MS = 30_000
/** After nobody could be told. */
const RETRY_MS = 10_000
/** A network that doubles at once is announced to once. */
const GROWTH_PAUSE_MS = 60_000

/**
 * Tells the DHT what this node provides: what is new at once, everything once in each period, in the order of the key space,
 * so that neighbours share a look-up. Where the network has outgrown those that were told, all is due again.
 */
export class Announcer {
  readonly #options: ProvideConfig
  readonly #deps: AnnouncerDependencies
  readonly #fresh = new Map<string, Uint8Array>()
  #progress: Progress
  #state: AnnounceState = 'alone'
  /** The fewest nodes that an announcement of this period reached. */
  #reached = Number.POSITIVE_INFINITY
  #grownMs = Number.NEGATIVE_INFINITY
  #lastLookupMs = Number.NEGATIVE_INFINITY
  #total = 0
  #announced = 0
  #wake = new AbortController()

  constructor(options: ProvideConfig, deps: AnnouncerDependencies) {
    this.#options = options
    this.#deps = deps
    this.#progress = overdue(deps.clock.wallMs(), options.periodMs)
  }

  /** Goes on where the last run was. */
  open(): void {
    const { store, clock } = this.#deps
    this.#progress = resumed(loadProgress(store), clock.wallMs(), this.#options.periodMs)
  }

  get share(): number {
    return this.#progress.position
  }

  describe(): object {
    const { what, periodMs } = this.#options
    return {
      what,
      state: this.#state,
      share: this.share,
      total: this.#total,
      announced: this.#announced,
      waiting: this.#fresh.size,
      nextMs: dueMs(this.#progress, periodMs),
    }
  }

  /** The network is another one, in which nobody was told of anything. */
  startOver(): void {
    this.#beginAgain()
    this.#wake.abort()
  }

  /** Something new to provide. */
  add(hash: Uint8Array): void {
    if (!canBeAnnounced(hash)) return
    const key = textOf(hash)
    this.#fresh.delete(key)
    this.#fresh.set(key, hash)
    const [oldest] = this.#fresh.keys()
    if (this.#fresh.size > MAX_NEW && oldest !== undefined) this.#fresh.delete(oldest)
    this.#wake.abort()
  }

  /** No longer provided. What others were told ends by itself, within 48 hours. */
  drop(hash: Uint8Array): void {
    this.#fresh.delete(textOf(hash))
  }

  /** Peers of the DHT came or went. */
  tableChanged(): void {
    if (this.#state === 'alone' || this.#hasOutgrown) this.#wake.abort()
  }

  /** Background loop. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        this.#wake = new AbortController()
        await this.#step(signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { dht, clock } = this.#deps
    const { periodMs } = this.#options
    if (dht.peers === 0 || dht.addresses.length === 0) {
      this.#state = dht.peers === 0 ? 'alone' : 'unreachable'
      await this.#sleep(RETRY_MS, signal)
      return
    }
    if (this.#fresh.size > 0) {
      await this.#announceNew(signal)
      return
    }
    if (this.#hasOutgrown) this.#beginAgain()
    const leftMs = dueMs(this.#progress, periodMs) - clock.wallMs()
    if (leftMs > 0) {
      this.#state = 'resting'
      await this.#sleep(Math.min(leftMs, this.#growthMs), signal)
      return
    }
    await this.#sweep(signal)
  }

  /** The network has twice the nodes that were told, and those may be the wrong ones. */
  get #hasOutgrown(): boolean {
    return this.#growthMs <= 0
  }

  /** How long until what was announced is announced again because the network has grown. */
  get #growthMs(): number {
    const { dht, clock } = this.#deps
    if (this.#reached >= dht.bucketSize || dht.peers < 2 * this.#reached) return Number.POSITIVE_INFINITY
    return this.#grownMs + GROWTH_PAUSE_MS - clock.nowMs()
  }

  #beginAgain(): void {
    const { clock } = this.#deps
    this.#grownMs = clock.nowMs()
    this.#reached = Number.POSITIVE_INFINITY
    this.#progress = overdue(clock.wallMs(), this.#options.periodMs)
  }

  async #announceNew(signal: AbortSignal): Promise<void> {
    const placed = Array.from(this.#fresh.values(), place).sort(byPlace)
    await this.#announceAll(placed, signal, {
      onTold: ({ hash }) => this.#fresh.delete(textOf(hash)),
    })
  }

  /** Announces the next part of the key space. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, store } = this.#deps
    const { what, periodMs } = this.#options
    const before = this.#progress
    const range = nextRange(before.position, this.#total)
    const slice = await sliceOf(hashesOf(what, this.#deps), range, signal)
    this.#total = slice.total
    const isDone = await this.#announceAll(
      slice.hashes.filter(({ hash }) => canBeAnnounced(hash)),
      signal,
      { between: () => this.#fresh.size > 0 && this.#announceNew(signal) },
    )
    // Or all is due again meanwhile.
    if (!isDone || this.#progress !== before) return
    this.#progress = { ...this.#progress, position: slice.to }
    if (slice.to >= 1) this.#progress = nextPeriod(this.#progress, clock.wallMs(), periodMs)
    await saveProgress(store, this.#progress)
  }

  /** False where nobody could be told: then it waited for a while. */
  async #announceAll(
    hashes: readonly PlacedHash[],
    signal: AbortSignal,
    { onTold, between }: AnnounceOptions,
  ): Promise<boolean> {
    const { dht, log, metrics } = this.#deps
    for (let at = 0; at < hashes.length; ) {
      await between?.()
      this.#state = 'announcing'
      const rest = hashes.slice(at)
      const [first] = rest
      if (!first) break
      await this.#pace(signal)
      const near = await this.#closest(first.hash, signal)
      const places = near.map(peer => placeOf(peer.toMultihash().bytes))
      const batch = rest.slice(0, batchOf(rest, places, dht.bucketSize))
      const told = await this.#tell(near, batch, signal)
      if (told === 0) {
        metrics.announceFailures.inc()
        log.debug({ hashes: batch.length, nodes: near.length }, 'an announcement reached nobody')
        this.#state = 'alone'
        await this.#sleep(RETRY_MS, signal)
        return false
      }
      this.#reached = Math.min(this.#reached, told)
      this.#announced += batch.length
      metrics.announced.inc(batch.length)
      for (const hash of batch) onTold?.(hash)
      at += batch.length
    }
    return true
  }

  /** Keeps to the rate of look-ups. */
  async #pace(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    const pauseMs = 60_000 / this.#options.lookupsPerMinute
    const leftMs = this.#lastLookupMs + pauseMs - clock.nowMs()
    if (leftMs > 0) await clock.wait(leftMs, signal)
    this.#lastLookupMs = clock.nowMs()
  }

  async #closest(key: Uint8Array, signal: AbortSignal): Promise<PeerId[]> {
    const { dht, log, metrics } = this.#deps
    metrics.announceLookups.inc()
    try {
      return await dht.closest(key, limited(signal))
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ reason: messageOf(error) }, 'a look-up for an announcement failed')
      return []
    }
  }

  /** How many nodes were told. */
  async #tell(nodes: readonly PeerId[], batch: readonly PlacedHash[], signal: AbortSignal): Promise<number> {
    const { dht, log } = this.#deps
    const hashes = batch.map(({ hash }) => hash)
    const waiting = [...nodes]
    let told = 0
    const tellNext = async (): Promise<void> => {
      for (let node = waiting.shift(); node; node = waiting.shift()) {
        try {
          await dht.announce(node, hashes, limited(signal))
          told += 1
        } catch (error) {
          signal.throwIfAborted()
          log.debug({ peer: node.toString(), reason: messageOf(error) }, 'a node took no announcement')
        }
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, tellNext))
    return told
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const woken = AbortSignal.any([signal, this.#wake.signal])
    await this.#deps.clock.wait(Math.min(ms, MAX_WAIT_MS), woken).catch(() => undefined)
  }
}

/** The longest that a timer takes. */
const MAX_WAIT_MS = 2 ** 31 - 1

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)])
}

function place(hash: Uint8Array): PlacedHash {
  return { hash, place: placeOf(hash) }
}

function textOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('base64')
}
