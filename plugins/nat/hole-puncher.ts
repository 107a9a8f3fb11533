import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type Logger, messageOf, type NetworkPort } from '../../core/api.ts'
import { ipv4Of, isPublic } from './candidates.ts'
import { natError } from './errors.ts'
import type { NatMetrics } from './metrics.ts'
import { type Parts, standIn } from './parts.ts'

const NAME = 'dcutr'

/** Addresses of a peer that are dialed at the same moment: a port of its router, and a few it may be wrong about. */
const MAX_TARGETS = 4
/** As core has it for all TCP connections: it asks silent peers more often than that. */
const SOCKET_IDLE_TIMEOUT_MS = 15 * 60_000
/** A router knows a connection that came to nothing for a while, and would give the next one from there another port. */
const PORT_REUSE_MS = 10_000

type Dial = Parts['connectionManager']['openConnection']
type DialOptions = NonNullable<Parameters<Dial>[1]>
type DialFrom = (
  localPort: number,
  address: Multiaddr,
  options: DialOptions & { signal: AbortSignal },
) => Promise<Connection>

export interface HolePuncherDependencies {
  readonly parts: Parts
  readonly network: NetworkPort
  readonly metrics: NatMetrics
  readonly log: Logger
  /** The IPv4 address from which others see this node come. */
  observedHost(): string | undefined
  /** Monotonic milliseconds. */
  nowMs(): number
}

/**
 * DCUtR, with what libp2p's service lacks over TCP. It tells the peer which address to dial, but knows none behind a NAT, and
 * its dials come from a port that nobody could know. Here they come from one chosen before, which Linux and most routers
 * keep: so the address is told, both dial at the same moment, and each router takes the other's first packet for an answer
 * to what it has just let out, as RFC 5382 (REQ-2) wants of them (TCP simultaneous open, RFC 9293 3.5).
 */
export class HolePuncher {
  readonly #deps: HolePuncherDependencies
  #port = 0
  #nextPort = 0
  #offeredMs: number | undefined
  #isWorn = false
  #lastFailure: string | undefined

  constructor(deps: HolePuncherDependencies) {
    this.#deps = deps
  }

  /** Why the last try came to nothing; undefined where it succeeded or there was none. */
  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  async start(): Promise<void> {
    const { parts, network } = this.#deps
    const [{ dcutr }, { tcp }] = await Promise.all([import('@libp2p/dcutr'), import('@libp2p/tcp')])
    this.#port = await freePort()
    this.#nextPort = await freePort()
    const { connectionManager, addressManager, upgrader } = parts
    const dial: DialFrom = (localPort, address, options) =>
      tcp({
        outboundSocketInactivityTimeout: SOCKET_IDLE_TIMEOUT_MS,
        // Handed to Node as they are, which knows more of them than libp2p's type.
        dialOpts: { localPort } as { noDelay?: boolean },
      })(parts).dial(address, {
        ...options,
        upgrader: options.initiator === false ? answering(upgrader) : upgrader,
      })
    const punch: Dial = (target, options = {}) =>
      // The dials that must come at one moment have a priority; the other is an ordinary one to an address known before.
      options.priority === undefined
        ? connectionManager.openConnection(target, options)
        : this.#punch(target, options, dial)
    const service = dcutr()({
      ...parts,
      addressManager: standIn(addressManager, { getAddresses: () => this.#ownAddresses() }),
      connectionManager: standIn(connectionManager, { openConnection: punch }),
    })
    await network.attach(NAME, () => service as object)
  }

  async stop(): Promise<void> {
    await this.#deps.network.detach(NAME)
  }

  /** What the peer is to dial: public addresses as they are, and the port from which this node is going to. */
  #ownAddresses(): Multiaddr[] {
    const { parts, observedHost, nowMs } = this.#deps
    const known = parts.addressManager.getAddresses().filter(isPublic)
    const host = observedHost()
    if (host === undefined) return known
    const isStale = this.#offeredMs !== undefined && nowMs() - this.#offeredMs > PORT_REUSE_MS
    if (this.#isWorn || isStale) this.#turnPort()
    this.#offeredMs = nowMs()
    return [...known, multiaddr(`/ip4/${host}/tcp/${this.#port}/p2p/${parts.peerId}`)]
  }

  #turnPort(): void {
    this.#port = this.#nextPort
    this.#isWorn = false
    freePort().then(
      port => {
        this.#nextPort = port
      },
      error => this.#deps.log.warn({ err: error }, 'no free port for hole punching'),
    )
  }

  async #targets(target: Parameters<Dial>[0]): Promise<Multiaddr[]> {
    const { connectionGater, peerId } = this.#deps.parts
    const addresses = (Array.isArray(target) ? target : [target]).filter(
      (address): address is Multiaddr => 'getComponents' in address && ipv4Of(address) !== undefined,
    )
    const allowed: Multiaddr[] = []
    for (const address of addresses.slice(0, MAX_TARGETS)) {
      const isOwn = address
        .getComponents()
        .some(({ code, value }) => code === CODE_P2P && value === `${peerId}`)
      if (!isOwn && !(await connectionGater.denyDialMultiaddr?.(address))) allowed.push(address)
    }
    return allowed
  }

  async #punch(target: Parameters<Dial>[0], options: DialOptions, dial: DialFrom): Promise<Connection> {
    const { metrics, log } = this.#deps
    const localPort = this.#port
    const attempts = (await this.#targets(target)).map(address => new Attempt(address, options.signal))
    try {
      const won = await Promise.any(
        attempts.map(one => one.run(signal => dial(localPort, one.address, { ...options, signal }))),
      )
      this.#lastFailure = undefined
      metrics.holePunches.inc({ result: 'connected' })
      log.info({ address: won.remoteAddr.toString() }, 'relayed connection made direct')
      return won
    } catch (error) {
      const reasons = error instanceof AggregateError ? error.errors.map(messageOf) : [messageOf(error)]
      this.#isWorn = true
      this.#lastFailure = reasons.length > 0 ? reasons.join(', ') : 'the peer has no address to dial'
      metrics.holePunches.inc({ result: 'failed' })
      throw natError('HOLE_PUNCH_FAILED', `no direct connection: ${this.#lastFailure}`, { cause: error })
    } finally {
      for (const attempt of attempts) attempt.giveUp()
    }
  }
}

/**
 * Of two sides that dialed, one has to play the server, in TLS as in the muxer. libp2p has it so as far as TLS; the muxer looks
 * at the raw connection, which says that it was dialed.
 */
function answering(upgrader: Parts['upgrader']): Parts['upgrader'] {
  return standIn(upgrader, {
    upgradeOutbound: (raw, options) =>
      upgrader.upgradeOutbound(Object.assign(raw, { direction: 'inbound' as const }), options),
  })
}

/** One dial. What ends it must not reach the connection that came of it: Node ends a socket with its signal at any time. */
class Attempt {
  readonly address: Multiaddr
  readonly #outer: AbortSignal | undefined
  readonly #own = new AbortController()
  #isOver = false

  constructor(address: Multiaddr, outer: AbortSignal | undefined) {
    this.address = address
    this.#outer = outer
  }

  async run(dial: (signal: AbortSignal) => Promise<Connection>): Promise<Connection> {
    this.#outer?.throwIfAborted()
    const giveUp = (): void => this.giveUp()
    this.#outer?.addEventListener('abort', giveUp, { once: true })
    try {
      const connection = await dial(this.#own.signal)
      this.#isOver = true
      return connection
    } finally {
      this.#outer?.removeEventListener('abort', giveUp)
    }
  }

  giveUp(): void {
    if (!this.#isOver) this.#own.abort()
  }
}

/** A port that nobody uses now. It isn't held: where somebody takes it meanwhile, a try fails, and the next has another. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen({ host: '0.0.0.0', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
