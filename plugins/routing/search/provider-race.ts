import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import {
  type Clock,
  type Logger,
  messageOf,
  type Peers,
  type Provider,
  type Reputation,
} from '../../../core/api.ts'
import type { LookupConfig } from '../config.ts'
import type { RoutingMetrics } from '../metrics.ts'
import { dialable } from './addresses.ts'
import type { Misses } from './misses.ts'
import { planRace, type Runner } from './race.ts'
import { type Contender, takeBest } from './ranking.ts'
import type { Source } from './source.ts'

export interface RaceDependencies {
  readonly self: PeerId
  /** In the order of what asking costs. */
  readonly sources: readonly Source[]
  /** What each of them was asked in vain lately. */
  readonly misses: ReadonlyMap<Source, Misses>
  readonly peers: Pick<Peers, 'get'>
  /** Where there is one. */
  readonly reputation?: Pick<Reputation, 'scoreOf' | 'isBanned'> | undefined
  readonly metrics: Pick<RoutingMetrics, 'lookups' | 'lookupSeconds' | 'providers'>
  readonly log: Logger
  readonly clock: Clock
}

export type RaceOptions = Pick<LookupConfig, 'timeoutMs' | 'maxProviders' | 'enough'>

interface Entrant extends Runner {
  readonly source: Source
  state: Runner['state']
}

interface Candidate extends Contender {
  readonly provider: Provider
}

/** One search for the providers of one block. */
export class ProviderRace {
  readonly #cid: CID
  readonly #key: string
  readonly #options: RaceOptions
  readonly #deps: RaceDependencies
  readonly #entrants: Entrant[]
  readonly #over = new AbortController()
  readonly #seen: Set<string>
  /** Found and not given out. At most `maxProviders` of each source. */
  readonly #candidates: Candidate[] = []
  #found = 0
  #wake = (): void => {}

  constructor(cid: CID, options: RaceOptions, deps: RaceDependencies) {
    this.#cid = cid
    this.#key = Buffer.from(cid.multihash.bytes).toString('base64')
    this.#options = options
    this.#deps = deps
    this.#entrants = deps.sources.map(source => ({
      source,
      delayMs: source.delayMs,
      state: this.#isHopeless(source) ? 'done' : 'waiting',
    }))
    this.#seen = new Set([deps.self.toString()])
  }

  /** Gives out the best of what is known at the time. Throws the reason of `signal`. */
  async *run(signal?: AbortSignal): AsyncGenerator<Provider, void, void> {
    const { clock } = this.#deps
    const startMs = clock.nowMs()
    const onAbort = (): void => this.#over.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      for (;;) {
        signal?.throwIfAborted()
        const elapsedMs = clock.nowMs() - startMs
        const state = { elapsedMs, found: this.#found, enough: this.#options.enough }
        const { start, waitMs } = planRace(this.#entrants, state)
        for (const index of start) this.#begin(this.#entrants[index] as Entrant)
        const best = takeBest(this.#candidates)
        if (best) yield best.provider
        else if (start.length > 0 || this.#isAsking || waitMs !== undefined) await this.#news(waitMs)
        else return
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#over.abort()
    }
  }

  get #isAsking(): boolean {
    return this.#entrants.some(({ state }) => state === 'asking')
  }

  #isHopeless(source: Source): boolean {
    return !source.isReady || (this.#deps.misses.get(source)?.has(this.#key) ?? false)
  }

  /** Resolves when something was found, a source is done, `waitMs` have passed, or the race is over. */
  async #news(waitMs: number | undefined): Promise<void> {
    const quiet = new AbortController()
    const { signal } = this.#over
    const onAbort = (): void => quiet.abort()
    signal.addEventListener('abort', onAbort, { once: true })
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    const aborted = new Promise<void>(resolve => {
      quiet.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    try {
      const timed =
        waitMs === undefined ? [] : [this.#deps.clock.wait(waitMs, quiet.signal).catch(() => undefined)]
      if (this.#candidates.length === 0) await Promise.race([woken, aborted, ...timed])
    } finally {
      signal.removeEventListener('abort', onAbort)
      quiet.abort()
    }
  }

  #begin(entrant: Entrant): void {
    entrant.state = 'asking'
    void this.#ask(entrant).finally(() => {
      entrant.state = 'done'
      this.#wake()
    })
  }

  async #ask({ source }: Entrant): Promise<void> {
    const { metrics, misses, log, clock } = this.#deps
    const limit = new AbortController()
    const startMs = clock.nowMs()
    clock.wait(this.#options.timeoutMs, limit.signal).then(
      () => limit.abort(),
      () => {},
    )
    const signal = AbortSignal.any([this.#over.signal, limit.signal])
    let found = 0
    let result: 'found' | 'none' | 'failed' | 'stopped' = 'none'
    try {
      for await (const { peer, addresses } of source.findProviders(this.#cid, signal)) {
        this.#take({ peer, addresses: dialable(addresses), source: source.name })
        found += 1
        if (found >= this.#options.maxProviders) break
      }
      signal.throwIfAborted()
      if (found === 0) misses.get(source)?.add(this.#key)
      else result = 'found'
    } catch (error) {
      if (found > 0) result = 'found'
      else result = this.#over.signal.aborted ? 'stopped' : 'failed'
      log.debug({ source: source.name, cid: this.#cid.toString(), reason: messageOf(error) }, 'look-up ended')
    } finally {
      limit.abort()
      metrics.lookups.inc({ source: source.name, result })
      metrics.lookupSeconds.observe({ source: source.name }, (clock.nowMs() - startMs) / 1000)
    }
  }

  #take(provider: Provider): void {
    const { peers, metrics, reputation } = this.#deps
    const { peer } = provider
    const id = peer.toString()
    if (this.#seen.has(id) || this.#over.signal.aborted) return
    this.#seen.add(id)
    // It would not be dialed.
    if (reputation?.isBanned(peer)) return
    this.#found += 1
    metrics.providers.inc({ source: provider.source })
    const score = reputation?.scoreOf(peer)
    this.#candidates.push({ provider, source: provider.source, summary: peers.get(peer), score })
    this.#wake()
  }
}
