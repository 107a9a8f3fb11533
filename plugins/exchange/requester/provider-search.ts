import type { CID } from 'multiformats/cid'
import { type Logger, messageOf, type NetworkPort, type Provider, type Routing } from '../../../core/api.ts'

/** Peers dialed for one search: more would be asked the same, and each dial costs a handshake. */
const MAX_DIALS = 8
const MAX_PARALLEL_DIALS = 4
/** So many that answer are enough to go on with. */
const ENOUGH_PEERS = 3
/** Searches at a time; a session that finds no place asks again a moment later. */
const MAX_SEARCHES = 16
/** Far above what routing and dials take where anybody is there. */
const SEARCH_TIMEOUT_MS = 30_000
/** A session that still finds nobody may look again after this. */
const PAUSE_MS = 60_000
/** A provider that could not be dialed isn't tried again for so long. */
const DIAL_BACKOFF_MS = 60_000
/** Such providers remembered; the one remembered longest ago is forgotten first. */
const MAX_UNREACHABLE = 256

export interface ProviderSearchDependencies {
  /** Undefined where nobody finds providers. */
  readonly routing: () => Routing | undefined
  readonly network: Pick<NetworkPort, 'dial' | 'connections'>
  readonly log: Logger
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

interface Search {
  readonly over: AbortController
  /** When the session may search anew; undefined while this goes on. */
  againMs: number | undefined
}

/** Looks for peers that have what no connected one has, and connects to them: then they are asked like all others. */
export class ProviderSearch {
  readonly #deps: ProviderSearchDependencies
  /** By session; of those that are open. */
  readonly #searches = new Map<object, Search>()
  #running = 0
  /** Until when each is left alone. */
  readonly #unreachable = new Map<string, number>()

  constructor(deps: ProviderSearchDependencies) {
    this.#deps = deps
  }

  /**
   * Nobody connected has the last of `cids`; who has one before it will do, as whoever has a root likely has the rest. True
   * while somebody is being looked for. Cheap: it may be called all the time.
   */
  seek(session: object, cids: readonly CID[]): boolean {
    const before = this.#searches.get(session)
    if (before && before.againMs === undefined) return true
    if (before && this.#deps.now() < (before.againMs ?? 0)) return false
    const routing = this.#deps.routing()
    if (!routing || this.#running >= MAX_SEARCHES) return false
    const search: Search = { over: new AbortController(), againMs: undefined }
    this.#searches.set(session, search)
    void this.#run(routing, search, cids)
    return true
  }

  /** The session is over, and what was looked for it. */
  end(session: object): void {
    this.#searches.get(session)?.over.abort()
    this.#searches.delete(session)
  }

  stop(): void {
    for (const session of [...this.#searches.keys()]) this.end(session)
  }

  async #run(routing: Routing, search: Search, cids: readonly CID[]): Promise<void> {
    this.#running += 1
    const signal = AbortSignal.any([search.over.signal, AbortSignal.timeout(SEARCH_TIMEOUT_MS)])
    try {
      const hunt = new Hunt({ signal, dial: provider => this.#dial(provider, signal) })
      const distinct = cids.filter((cid, at) => !cids.slice(0, at).some(other => other.equals(cid)))
      for (const cid of distinct) await hunt.follow(routing.findProviders(cid, { signal }))
    } catch (error) {
      if (!signal.aborted)
        this.#deps.log.debug({ reason: messageOf(error) }, 'the search for providers failed')
    } finally {
      this.#running -= 1
      search.againMs = this.#deps.now() + PAUSE_MS
    }
  }

  /** True where a connection was made. */
  async #dial({ peer, addresses }: Provider, signal: AbortSignal): Promise<boolean> {
    const { network, log, now } = this.#deps
    const id = peer.toString()
    if (network.connections(peer).length > 0 || (this.#unreachable.get(id) ?? 0) > now()) return false
    try {
      const places = addresses.map(address => address.encapsulate(`/p2p/${id}`))
      await network.dial(places.length > 0 ? places : peer, { signal })
      this.#unreachable.delete(id)
      return true
    } catch (error) {
      if (signal.aborted) return false
      log.debug({ peer: id, reason: messageOf(error) }, 'a provider could not be reached')
      this.#unreachable.delete(id)
      this.#unreachable.set(id, now() + DIAL_BACKOFF_MS)
      const [oldest] = this.#unreachable.keys()
      if (this.#unreachable.size > MAX_UNREACHABLE && oldest !== undefined) this.#unreachable.delete(oldest)
      return false
    }
  }
}

/** Dials what is found, some at a time, until enough were reached. */
class Hunt {
  readonly #signal: AbortSignal
  readonly #dial: (provider: Provider) => Promise<boolean>
  readonly #tried = new Set<string>()
  readonly #dials = new Set<Promise<void>>()
  #reached = 0

  constructor({ signal, dial }: { signal: AbortSignal; dial: (provider: Provider) => Promise<boolean> }) {
    this.#signal = signal
    this.#dial = dial
  }

  async follow(providers: AsyncIterable<Provider>): Promise<void> {
    for await (const provider of providers) {
      if (this.#isOver) break
      this.#try(provider)
      if (this.#dials.size >= MAX_PARALLEL_DIALS) await Promise.race(this.#dials)
    }
    await Promise.all(this.#dials)
  }

  get #isOver(): boolean {
    return this.#signal.aborted || this.#reached >= ENOUGH_PEERS || this.#tried.size >= MAX_DIALS
  }

  #try(provider: Provider): void {
    const id = provider.peer.toString()
    if (this.#tried.has(id)) return
    this.#tried.add(id)
    const dial = this.#dial(provider).then(isReached => {
      this.#dials.delete(dial)
      if (isReached) this.#reached += 1
    })
    this.#dials.add(dial)
  }
}
