import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import {
  fullBucket,
  type Logger,
  type NetworkPort,
  type Rate,
  refill,
  type TokenBucket,
} from '../../core/api.ts'
import { type Candidate, isPublic } from './candidates.ts'
import type { AutonatConfig } from './config.ts'
import type { NatMetrics } from './metrics.ts'
import { type AddressManager, type NodeAddress, type Parts, type Registrar, standIn } from './parts.ts'

/** The second version first: it tries several addresses at once, of any host. */
const ASKED = ['/libp2p/autonat/2/dial-request', '/libp2p/autonat/1.0.0'] as const

/** One that can be reached is known after the first; more peers find out about networks that some can't cross. */
const MAX_ASKED_PEERS = 6
/** A dial across the world takes a second or two; into nothing, until it is given up. */
const ANSWER_TIMEOUT_MS = 15_000
/** One question at a time of each peer. */
const MAX_INBOUND_STREAMS = 1

export interface AddressCheckDependencies {
  readonly parts: Parts
  readonly network: NetworkPort
  readonly metrics: NatMetrics
  readonly log: Logger
  /** Monotonic milliseconds. */
  nowMs(): number
  random(): number
}

export interface CheckResult {
  /** Those that others connected to, as text. */
  readonly reached: ReadonlySet<string>
  readonly askedPeers: number
}

/**
 * AutoNAT, both versions, asked when there is something to ask. By themselves libp2p's services ask whoever connects, once,
 * and walk the DHT every minute while an address is unverified; what a router maps later they would never have tried. So
 * they see a registrar that keeps their question for us, and an address book that holds what is to be tried now.
 */
export class AddressCheck {
  readonly #config: AutonatConfig
  readonly #deps: AddressCheckDependencies
  /** By protocol: has the service ask this peer about what the book holds. */
  readonly #ask = new Map<string, (connection: Connection) => void>()
  readonly #served: Rate
  /** Questions of others, and connections made to answer them: one question may name hundreds of addresses. */
  #questions: TokenBucket
  #dials: TokenBucket
  #offered: readonly Candidate[] = []
  #reached = new Set<string>()
  #onReached = (): void => {}

  constructor(config: AutonatConfig, deps: AddressCheckDependencies) {
    this.#config = config
    this.#deps = deps
    this.#served = { perSecond: config.maxServedPerMinute / 60, burst: config.maxServedPerMinute }
    this.#questions = fullBucket(this.#served, deps.nowMs())
    this.#dials = fullBucket(this.#served, deps.nowMs())
  }

  async start(): Promise<void> {
    const { parts, network } = this.#deps
    const [{ autoNATv2 }, { autoNAT }] = await Promise.all([
      import('@libp2p/autonat-v2'),
      import('@libp2p/autonat'),
    ])
    const init = { timeout: ANSWER_TIMEOUT_MS, maxInboundStreams: MAX_INBOUND_STREAMS }
    const own = { ...parts, addressManager: this.#addressBook(), registrar: this.#registrar() }
    await network.attach(
      'autonat-v2',
      () => autoNATv2(init)({ ...own, connectionManager: this.#dialer() }) as object,
    )
    // The first version would take the connection that is there for the answer, and close it.
    const connectionManager = this.#dialer({ force: true })
    await network.attach('autonat', () => autoNAT(init)({ ...own, connectionManager }) as object)
  }

  async stop(): Promise<void> {
    await this.#deps.network.detach('autonat')
    await this.#deps.network.detach('autonat-v2')
    this.#ask.clear()
  }

  /** Connected peers of other networks that answer such questions. */
  async servers(): Promise<readonly Connection[]> {
    const { network } = this.#deps
    const servers: Connection[] = []
    for (const peer of network.connectedPeers()) {
      const connection = network
        .connections(peer)
        .find(({ status, limits, remoteAddr }) => status === 'open' && !limits && isPublic(remoteAddr))
      if (connection && (await this.#protocolOf(connection))) servers.push(connection)
    }
    return servers
  }

  /** Has peers try `candidates`; resolves when all were reached or time is up. */
  async check(candidates: readonly Candidate[], signal: AbortSignal): Promise<CheckResult> {
    const { metrics, random } = this.#deps
    const servers = (await this.servers())
      .map(connection => ({ connection, order: random() }))
      .sort((one, other) => one.order - other.order)
      .slice(0, MAX_ASKED_PEERS)
      .map(({ connection }) => connection)
    this.#reached = new Set()
    if (candidates.length === 0 || servers.length === 0) return { reached: this.#reached, askedPeers: 0 }
    metrics.checks.inc()
    metrics.askedPeers.inc(servers.length)
    this.#offered = candidates
    try {
      for (const connection of servers) {
        const protocol = await this.#protocolOf(connection)
        if (protocol) this.#ask.get(protocol)?.(connection)
      }
      await this.#allReached(candidates, signal)
    } finally {
      this.#offered = []
      // Asked about nothing, the services forget the answers.
      for (const ask of this.#ask.values()) if (servers[0]) ask(servers[0])
    }
    return { reached: this.#reached, askedPeers: servers.length }
  }

  async #protocolOf({ remotePeer }: Connection): Promise<string | undefined> {
    const known = await this.#deps.network.protocolsOf(remotePeer)
    return ASKED.find(protocol => known?.includes(protocol))
  }

  #allReached(candidates: readonly Candidate[], signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#onReached = () => {}
        resolve()
      }
      const timer = setTimeout(done, ANSWER_TIMEOUT_MS)
      signal.addEventListener('abort', done, { once: true })
      this.#onReached = () => {
        if (candidates.every(({ address }) => this.#reached.has(address.toString()))) done()
      }
      if (signal.aborted) done()
      else this.#onReached()
    })
  }

  #addressBook(): AddressManager {
    const { addressManager } = this.#deps.parts
    const offered = (): NodeAddress[] =>
      this.#offered.map(({ address, type }) => ({ multiaddr: address, type, verified: false, expires: 0 }))
    const reached = (address: Multiaddr): void => {
      const candidate = this.#offered.find(one => one.address.equals(address))
      // libp2p knows nothing of a guess until it has come true.
      addressManager.confirmObservedAddr(address, candidate?.via === 'observed' ? { type: 'observed' } : {})
      this.#reached.add(address.toString())
      this.#onReached()
    }
    return standIn(addressManager, {
      getAddressesWithMetadata: offered,
      confirmObservedAddr: reached,
      removeObservedAddr: () => {},
    })
  }

  #registrar(): Registrar {
    const { registrar } = this.#deps.parts
    return standIn(registrar, {
      register: async (protocol: string, { onConnect }: Parameters<Registrar['register']>[1]) => {
        this.#ask.set(protocol, connection => void onConnect?.(connection.remotePeer, connection))
        return protocol
      },
      handle: async (...[protocol, handler, options]: Parameters<Registrar['handle']>) => {
        if (!isAsked(protocol)) return registrar.handle(protocol, handler, options)
        if (!this.#config.serve) return
        return registrar.handle(
          protocol,
          (stream, connection) => {
            const result = this.#admits() ? 'tried' : 'refused'
            this.#deps.metrics.served.inc({ result })
            if (result === 'tried') return handler(stream, connection)
            stream.abort(new Error('too many questions at the moment'))
          },
          options,
        )
      },
    })
  }

  #admits(): boolean {
    this.#questions = this.#filled(this.#questions)
    if (this.#questions.tokens < 1) return false
    this.#questions = { ...this.#questions, tokens: this.#questions.tokens - 1 }
    return true
  }

  /** Dials for others, as many as may be tried; `forced`: though they are connected. */
  #dialer(forced: { readonly force?: true } = {}): Parts['connectionManager'] {
    const { connectionManager: manager } = this.#deps.parts
    const mayTry = (): boolean => {
      this.#dials = this.#filled(this.#dials)
      return this.#dials.tokens >= 1
    }
    return standIn(manager, {
      isDialable: async (...asked: Parameters<typeof manager.isDialable>) =>
        mayTry() && (await manager.isDialable(...asked)),
      openConnection: async (...[target, options]: Parameters<typeof manager.openConnection>) => {
        if (!mayTry()) throw new Error('too many addresses to try at the moment')
        this.#dials = { ...this.#dials, tokens: this.#dials.tokens - 1 }
        return manager.openConnection(target, { ...options, ...forced })
      },
    })
  }

  #filled(bucket: TokenBucket): TokenBucket {
    return refill(bucket, this.#served, this.#deps.nowMs())
  }
}

/** Whether who speaks `protocol` can be asked. */
export function isAsked(protocol: string): boolean {
  return ASKED.some(one => one === protocol)
}
