import type { Address, Connection, Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Ping } from '@libp2p/ping'
import type { Multiaddr } from '@multiformats/multiaddr'
import { messageOf } from '../errors.ts'
import { SharedTask } from '../shared-task.ts'
import type { PeerTable } from '../state/peer-state.ts'
import type { WaitOptions } from '../storage/storage.ts'
import type { Blocklist } from './blocklist.ts'
import { PipeChannel } from './channel.ts'
import { NEGOTIATION_TIMEOUT_MS } from './connections.ts'
import { networkError } from './errors.ts'
import type { Channel } from './framing.ts'
import type { DialResult, NetworkMetrics } from './metrics.ts'
import type { Protocol } from './protocols.ts'
import { StreamPipe } from './stream-pipe.ts'
import { wholeMultiaddr } from './whole-address.ts'

/** A ping that takes longer says no more than that there is no answer. */
const PING_TIMEOUT_MS = 10_000

/** What waits for longer behind other dials is stale: whoever wants it will ask again. */
const MAX_DIAL_WAIT_MS = 30_000

export interface DialerDependencies {
  readonly libp2p: Libp2p<{ ping: Ping }>
  readonly peers: PeerTable
  /** Connections to a peer that are open, the one to use first. */
  connectionsTo(peer: PeerId): readonly Connection[]
  readonly blocklist: Blocklist
  readonly metrics: Pick<NetworkMetrics, 'dials' | 'streams'>
}

/** What goes out: connections, streams, pings, each within its time and with errors that say what was tried. */
export class Dialer {
  readonly #dialTimeoutMs: number
  readonly #deps: DialerDependencies
  readonly #pings = new Map<string, SharedTask<number>>()

  constructor({ dialTimeoutMs }: { dialTimeoutMs: number }, deps: DialerDependencies) {
    this.#dialTimeoutMs = dialTimeoutMs
    this.#deps = deps
  }

  async dial(target: PeerId | Multiaddr | Multiaddr[], options: WaitOptions = {}): Promise<Connection> {
    const { libp2p, metrics, peers, connectionsTo } = this.#deps
    const peer = peerOf(target)
    const [open] = peer ? connectionsTo(peer) : []
    if (open) return open
    this.#refuseBlocked(target)
    const tried: string[] = []
    using limit = new DialLimit(this.#dialTimeoutMs)
    try {
      const connection = await libp2p.dial(target, {
        signal: options.signal ? AbortSignal.any([options.signal, limit.signal]) : limit.signal,
        onProgress: event => {
          if (event.type === 'dial-queue:start-dial') limit.begin()
          if (event.type !== 'dial-queue:calculated-addresses') return
          tried.push(...(event.detail as Address[]).map(({ multiaddr }) => multiaddr.toString()))
        },
      })
      metrics.dials.inc({ result: 'ok' })
      return connection
    } catch (error) {
      const late = limit.signal.aborted ? messageOf(limit.signal.reason) : undefined
      const result: DialResult = options.signal?.aborted ? 'aborted' : late ? 'timeout' : 'failed'
      metrics.dials.inc({ result })
      options.signal?.throwIfAborted()
      if (peer) peers.unreachable(peer)
      const blocked = peer ? this.#blockedWays(peer) : []
      const isKeptOut = blocked.length > 0 && tried.length === 0 && !late
      const why = [...(isKeptOut ? [] : [late ?? reasons(error, tried)]), ...blocked].join(', ')
      const code = isKeptOut ? 'PEER_BLOCKED' : 'DIAL_FAILED'
      throw networkError(code, `cannot reach ${nameOf(target)}: ${why}`, { cause: error })
    }
  }

  #refuseBlocked(target: PeerId | Multiaddr | Multiaddr[]): void {
    const { blocklist } = this.#deps
    const ways = [target].flat().map(way => ('toMultihash' in way ? { peer: way } : whoAt(way)))
    const blocks = ways.map(way => blocklist.isBlocked(way))
    const [block] = blocks
    if (block && blocks.every(Boolean))
      throw networkError('PEER_BLOCKED', `cannot reach ${nameOf(target)}: ${block.target} is blocked`)
  }

  /** Addresses of `peer` that are known, and not dialed as somebody blocked them. */
  #blockedWays(peer: PeerId): string[] {
    const { blocklist, peers } = this.#deps
    const known = peers.get(peer)?.addresses ?? []
    return known.flatMap(text => {
      const address = addressOf(text)
      const block = address && blocklist.isBlocked({ address })
      return block ? [`${text} (${block.target} is blocked)`] : []
    })
  }

  async open(peer: PeerId, protocol: Protocol, options: WaitOptions = {}): Promise<Channel> {
    const connection = await this.dial(peer, options)
    const { signal, timedOut } = limited(NEGOTIATION_TIMEOUT_MS, options.signal)
    const { id, maxMessageBytes, idleTimeoutMs } = protocol
    try {
      const stream = await connection.newStream([id], { signal })
      this.#deps.metrics.streams.inc({ protocol: id, direction: 'outbound' })
      const { peers } = this.#deps
      return new PipeChannel(
        { protocol: id, maxMessageBytes, idleTimeoutMs, maySleep: true },
        { peer, pipe: new StreamPipe(stream), report: (kind, detail) => peers.report(peer, kind, detail) },
      )
    } catch (error) {
      options.signal?.throwIfAborted()
      throw openError(peer, id, timedOut(), error)
    }
  }

  /** Pings of one peer that overlap are one: the protocol allows a single stream for them. */
  async ping(peer: PeerId, { signal }: WaitOptions = {}): Promise<number> {
    signal?.throwIfAborted()
    const key = peer.toString()
    let task = this.#pings.get(key)
    if (!task) {
      task = new SharedTask(signal => this.#pingAlone(peer, signal))
      this.#pings.set(key, task)
      task.onOver(() => this.#pings.delete(key))
    }
    return task.join(signal)
  }

  async #pingAlone(peer: PeerId, whileWanted: AbortSignal): Promise<number> {
    await this.dial(peer, { signal: whileWanted })
    const { signal } = limited(PING_TIMEOUT_MS, whileWanted)
    try {
      return await this.#deps.libp2p.services.ping.ping(peer, { signal })
    } catch (error) {
      whileWanted.throwIfAborted()
      throw networkError('PEER_TIMEOUT', `${peer} did not answer a ping: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}

function openError(peer: PeerId, id: string, timedOut: boolean, cause: unknown): Error {
  const name = cause instanceof Error ? cause.name : ''
  if (name === 'UnsupportedProtocolError') {
    return networkError('PROTOCOL_UNSUPPORTED', `${peer} does not speak ${id}`, { cause })
  }
  if (name === 'LimitedConnectionError') {
    const why = `only a relay connects it, and those carry no ${id}`
    return networkError('DIAL_FAILED', `cannot open ${id} to ${peer}: ${why}`, { cause })
  }
  if (timedOut) {
    const limit = `within ${NEGOTIATION_TIMEOUT_MS} ms`
    return networkError('PEER_TIMEOUT', `${peer} did not answer to ${id} ${limit}`, { cause })
  }
  return networkError('DIAL_FAILED', `cannot open ${id} to ${peer}: ${messageOf(cause)}`, { cause })
}

/** The time that a dial has, which counts from its turn: others may be before it. */
class DialLimit implements Disposable {
  readonly #timeoutMs: number
  readonly #late = new AbortController()
  #timer: NodeJS.Timeout

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#timer = this.#after(timeoutMs + MAX_DIAL_WAIT_MS, 'its turn to be dialed did not come')
  }

  get signal(): AbortSignal {
    return this.#late.signal
  }

  begin(): void {
    clearTimeout(this.#timer)
    this.#timer = this.#after(this.#timeoutMs, 'no answer')
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }

  #after(ms: number, what: string): NodeJS.Timeout {
    return setTimeout(() => this.#late.abort(new Error(`${what} within ${ms} ms`)), ms).unref()
  }
}

/** A signal that also aborts after `timeoutMs`, and whether it was that. */
function limited(timeoutMs: number, signal?: AbortSignal): { signal: AbortSignal; timedOut: () => boolean } {
  const timeout = AbortSignal.timeout(timeoutMs)
  return {
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    timedOut: () => timeout.aborted && !signal?.aborted,
  }
}

/** What libp2p says in words of its own, by the error's name: the gate said no, or there is nothing to dial. */
const REASONS: Readonly<Record<string, string>> = {
  DialDeniedError: 'this node does not let it in',
  ConnectionInterceptedError: 'this node does not let it in',
  NoValidAddressesError: 'no address of it is known that this node can dial',
}

/** Each address with its reason; libp2p gives the reasons in the order of the addresses. */
function reasons(error: unknown, tried: readonly string[]): string {
  const errors = error instanceof AggregateError ? error.errors : [error]
  return errors
    .map((each, at) => {
      const reason = REASONS[each?.name] ?? messageOf(each)
      return tried[at] ? `${tried[at]} (${reason})` : reason
    })
    .join(', ')
}

/** Where `address` leads, and to whom if it says so. */
function whoAt(address: Multiaddr): { readonly address: Multiaddr; readonly peer?: PeerId } {
  const { name, value } = address.getComponents().at(-1) ?? {}
  return { address, ...(name === 'p2p' && value !== undefined && { peer: peerIdFromString(value) }) }
}

function peerOf(target: PeerId | Multiaddr | Multiaddr[]): PeerId | undefined {
  return 'toMultihash' in target ? target : undefined
}

function nameOf(target: PeerId | Multiaddr | Multiaddr[]): string {
  return Array.isArray(target) ? target.map(String).join(', ') : target.toString()
}

/** Undefined for what is no address: peers choose what they tell. */
function addressOf(text: string): Multiaddr | undefined {
  try {
    return wholeMultiaddr(text)
  } catch {
    return undefined
  }
}
