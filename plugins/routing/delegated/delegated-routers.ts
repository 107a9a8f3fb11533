import type { delegatedHTTPRouter } from '@helia/delegated-routing-client'
import type { ComponentLogger, PeerId } from '@libp2p/interface'
import { peerIdFromCID } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import { type Logger, messageOf } from '../../../core/api.ts'
import { dialable } from '../search/addresses.ts'
import type { FoundPeer } from '../search/source.ts'

/** Requests to one server at a time; others wait within their own time. */
const MAX_REQUESTS = 4

type Router = ReturnType<ReturnType<typeof delegatedHTTPRouter>>

/** A peer as a server tells of it. */
interface Answer {
  readonly id: CID
  readonly multiaddrs?: readonly Multiaddr[]
}

export interface DelegatedOptions {
  readonly urls: readonly string[]
  readonly timeoutMs: number
}

/** Servers that look for others: https://specs.ipfs.tech/routing/http-routing-v1/. All are asked at once. */
export class DelegatedRouters {
  readonly #options: DelegatedOptions
  readonly #log: Logger
  #routers: readonly Router[] = []

  constructor(options: DelegatedOptions, { log }: { readonly log: Logger }) {
    this.#options = options
    this.#log = log
  }

  async start(): Promise<void> {
    const { urls, timeoutMs } = this.#options
    const client = await import('@helia/delegated-routing-client')
    this.#routers = urls.map(url =>
      client.delegatedHTTPRouter({
        url: url.endsWith('/') ? url : `${url}/`,
        timeout: timeoutMs,
        concurrentRequests: MAX_REQUESTS,
        // Whatever is there: the client's own filter is for browsers.
        filterAddrs: [],
        filterProtocols: [],
        cacheTTL: 0,
      })({ logger: silent }),
    )
  }

  async *findProviders(cid: CID, signal: AbortSignal): AsyncGenerator<FoundPeer, void, void> {
    let failures = 0
    const over = new AbortController()
    const limited = AbortSignal.any([signal, over.signal])
    const answers = this.#routers.map(router => router.findProviders?.(cid, { signal: limited }) ?? none())
    try {
      yield* merged(answers, error => {
        failures += 1
        this.#log.debug({ reason: messageOf(error) }, 'a delegated router failed')
        if (failures === answers.length) throw error
      })
    } finally {
      over.abort()
    }
  }

  /** The first answer that has addresses; empty where none has. */
  async findPeer(peer: PeerId, signal: AbortSignal): Promise<Multiaddr[]> {
    const asked = this.#routers.map(async router => {
      const answer = await router.findPeer?.(peer.toCID(), { signal })
      const addresses = dialable(answer?.multiaddrs ?? [])
      if (addresses.length === 0) throw new RangeError('it knows no address')
      return addresses
    })
    return Promise.any(asked).catch(() => [])
  }
}

/** What comes of all, in the order in which it comes. `onError` hears of those that fail, and may end it all. */
async function* merged(
  answers: readonly AsyncIterable<Answer>[],
  onError: (error: unknown) => void,
): AsyncGenerator<FoundPeer, void, void> {
  const iterators = answers.map(answer => answer[Symbol.asyncIterator]())
  const next = async (index: number): Promise<Step> => {
    try {
      return { index, result: await iterators[index]?.next() }
    } catch (error) {
      return { index, error }
    }
  }
  const steps = new Map(iterators.map((_, index) => [index, next(index)]))
  while (steps.size > 0) {
    const step = await Promise.race(steps.values())
    if (step.result && !step.result.done) {
      steps.set(step.index, next(step.index))
      yield found(step.result.value)
      continue
    }
    steps.delete(step.index)
    if ('error' in step) onError(step.error)
  }
}

interface Step {
  readonly index: number
  readonly result?: IteratorResult<Answer> | undefined
  readonly error?: unknown
}

async function* none(): AsyncGenerator<Answer> {}

function found({ id, multiaddrs = [] }: Answer): FoundPeer {
  return { peer: peerIdFromCID(id), addresses: dialable(multiaddrs) }
}

/** What fails is told to whoever asked. */
const silent: ComponentLogger = { forComponent: () => quiet }
const quiet = Object.assign((): void => {}, {
  enabled: false,
  trace(): void {},
  error(): void {},
  newScope: () => quiet,
})
