import type { Connection, PeerId, Stream, StreamHandler, StreamHandlerOptions } from '@libp2p/interface'
import { isSkepError, messageOf } from '../errors.ts'
import type { EvidenceKind } from '../events.ts'
import type { Logger } from '../logger.ts'
import { Admission } from './admission.ts'
import { PipeChannel } from './channel.ts'
import { networkError } from './errors.ts'
import type { Channel } from './framing.ts'
import type { NetworkMetrics } from './metrics.ts'
import { boundQuestion, paceIntake } from './paced-intake.ts'
import type { PeerQuota } from './peer-quota.ts'
import type { Pipe } from './pipe.ts'
import type { Protocol, ProtocolRow, Trust } from './protocols.ts'
import { isPaced, type ServiceTable, serviceProtocol } from './services.ts'
import { StreamPipe } from './stream-pipe.ts'

export type ChannelHandler = (channel: Channel) => Promise<void>

export interface HandlersDependencies {
  /** libp2p's own table, which this one keeps in step. */
  readonly registrar: {
    handle(
      id: string,
      handler: (stream: Stream, connection: Connection) => Promise<void>,
      options?: StreamHandlerOptions,
    ): Promise<void>
    unhandle(id: string): Promise<void>
  }
  /** Over all protocols. */
  readonly quota: Pick<PeerQuota, 'enter' | 'leave' | 'ask' | 'askService'>
  report(peer: PeerId, kind: EvidenceKind, detail: string): void
  /** Whether `peer` is one of those that `trust` names. */
  trusts(peer: PeerId, trust: Exclude<Trust, 'anyone'>): boolean
  readonly metrics: Pick<NetworkMetrics, 'streams' | 'refusedStreams' | 'delayedRequests'>
  readonly log: Logger
  /** Monotonic milliseconds. */
  clock(): number
}

const SERVED_TO = {
  own: 'for our own alone',
  fleet: 'for the fleet alone',
  operator: 'for operators of the fleet alone',
} as const satisfies Record<Exclude<Trust, 'anyone'>, string>

/** A stranger shall not fill the log. */
const REFUSAL_WARNING_MS = 10_000

interface Entry {
  readonly protocol: Protocol
  readonly owner: string
  /** Absent: a service of libp2p's reads its streams. */
  readonly handler?: ChannelHandler
  readonly admission: Admission
  /** Channels, and streams of services. */
  readonly open: Set<Pick<Channel, 'abort'>>
  /** When the log last told of somebody who is no operator. Monotonic. */
  warnedMs: number
}

/** The protocol table: the one place where inbound streams are let in, limited and ended. */
export class Handlers implements ServiceTable {
  readonly #deps: HandlersDependencies
  readonly #entries = new Map<string, Entry>()

  constructor(deps: HandlersDependencies) {
    this.#deps = deps
  }

  rows(): ProtocolRow[] {
    return [...this.#entries.values()].map(({ protocol, owner, admission }) => ({
      ...protocol,
      owner,
      openStreams: admission.open,
    }))
  }

  async handle(owner: string, protocol: Protocol, handler: ChannelHandler): Promise<void> {
    const entry = this.#add(owner, protocol, handler)
    const serve = (stream: Stream, { remotePeer }: Connection): Promise<void> =>
      this.#serve(entry, handler, new StreamPipe(stream), remotePeer)
    // libp2p's limit counts per connection and charges nobody, so ours has to come first.
    await this.#register(entry, serve, { maxInboundStreams: Number.POSITIVE_INFINITY })
  }

  /** A protocol that a service of libp2p's handles, within limits of our own. */
  async handleService(
    owner: string,
    id: string,
    handler: StreamHandler,
    options?: StreamHandlerOptions,
  ): Promise<void> {
    if (options?.force) this.#entries.delete(id)
    const entry = this.#add(owner, serviceProtocol(id))
    const serve = (stream: Stream, connection: Connection): Promise<void> =>
      this.#serveService(entry, handler, stream, connection)
    // Of limits for each connection those count that a service has chosen itself.
    await this.#register(entry, serve, { maxInboundStreams: Number.POSITIVE_INFINITY, ...options })
  }

  async unhandleService(ids: string | string[]): Promise<void> {
    for (const id of [ids].flat()) {
      // Services also take away what they never handled.
      if (this.#entries.get(id)?.handler) continue
      this.#entries.delete(id)
      await this.#deps.registrar.unhandle(id)
    }
  }

  /** Takes all handlers of `owner` away and resets their streams. */
  async release(owner: string): Promise<void> {
    const entries = [...this.#entries.values()].filter(entry => entry.owner === owner)
    await Promise.all(
      entries.map(async ({ protocol, open }) => {
        this.#entries.delete(protocol.id)
        await this.#deps.registrar.unhandle(protocol.id)
        const reason = networkError('STREAM_CLOSED', `${protocol.id} is no longer handled here`)
        for (const channel of open) channel.abort(reason)
      }),
    )
  }

  /** Serves a protocol on a pipe that is no libp2p stream, within the same limits. */
  async serve(id: string, pipe: Pipe, peer: PeerId): Promise<void> {
    const entry = this.#entries.get(id)
    const refuse = (why: string): void => pipe.abort(networkError('STREAM_CLOSED', `${id}${why}`))
    if (!entry?.handler) return refuse(' is not handled here')
    const { quota, metrics } = this.#deps
    const key = peer.toString()
    const refusal = quota.enter(key)
    if (refusal) {
      metrics.refusedStreams.inc({ protocol: id, reason: refusal })
      return refuse(': too many streams')
    }
    try {
      await this.#serve(entry, entry.handler, pipe, peer)
    } finally {
      quota.leave(key)
    }
  }

  #add(owner: string, protocol: Protocol, handler?: ChannelHandler): Entry {
    const taken = this.#entries.get(protocol.id)
    if (taken)
      throw networkError('NAME_TAKEN', `protocol ${protocol.id} is already handled by ${taken.owner}`)
    const entry = {
      protocol,
      owner,
      ...(handler && { handler }),
      admission: new Admission(protocol, { clock: this.#deps.clock }),
      open: new Set<Pick<Channel, 'abort'>>(),
      warnedMs: Number.NEGATIVE_INFINITY,
    }
    this.#entries.set(protocol.id, entry)
    return entry
  }

  async #register(
    entry: Entry,
    serve: (stream: Stream, connection: Connection) => Promise<void>,
    options?: StreamHandlerOptions,
  ): Promise<void> {
    try {
      await this.#deps.registrar.handle(entry.protocol.id, serve, options)
    } catch (error) {
      this.#entries.delete(entry.protocol.id)
      throw error
    }
  }

  async #serveService(
    entry: Entry,
    handler: StreamHandler,
    stream: Stream,
    connection: Connection,
  ): Promise<void> {
    const { protocol, admission, open } = entry
    const { metrics, quota, report } = this.#deps
    const { remotePeer: peer } = connection
    const key = peer.toString()
    if (!this.#admit(entry, peer, stream)) return
    if (stream.status !== 'open') {
      admission.leave(key)
      return
    }
    open.add(stream)
    stream.addEventListener(
      'close',
      () => {
        open.delete(stream)
        admission.leave(key)
      },
      { once: true },
    )
    const overflow = (): void => {
      if (stream.status !== 'open') return
      report(peer, 'overload', `${protocol.id}: it sends more than it may`)
      stream.abort(networkError('STREAM_CLOSED', `${protocol.id}: too much came`))
    }
    if (isPaced(protocol.id)) {
      paceIntake(stream, {
        ask: bytes => quota.askService(key, bytes),
        onWait: () => metrics.delayedRequests.inc({ protocol: protocol.id }),
        overflow,
      })
    } else {
      boundQuestion(stream, protocol.maxMessageBytes, overflow)
    }
    await handler(stream, connection)
  }

  /** Counts a stream in, or resets and charges it. Whoever was let in leaves once. */
  #admit({ protocol, admission }: Entry, peer: PeerId, stream: Pick<Channel, 'abort'>): boolean {
    const { metrics, report } = this.#deps
    const refusal = admission.enter(peer.toString())
    if (!refusal) {
      metrics.streams.inc({ protocol: protocol.id, direction: 'inbound' })
      return true
    }
    metrics.refusedStreams.inc({ protocol: protocol.id, reason: refusal })
    const detail = refusal === 'streams' ? 'too many streams at a time' : 'streams opened too fast'
    report(peer, 'overload', `${protocol.id}: ${detail}`)
    stream.abort(networkError('STREAM_CLOSED', `${protocol.id}: ${detail}`))
    return false
  }

  async #serve(entry: Entry, handler: ChannelHandler, pipe: Pipe, peer: PeerId): Promise<void> {
    const { protocol, admission, open } = entry
    const { log, metrics, quota, report, trusts } = this.#deps
    const key = peer.toString()
    if (protocol.trust !== 'anyone' && !trusts(peer, protocol.trust)) {
      // Whoever asks couldn't know, so it is no fault.
      metrics.refusedStreams.inc({ protocol: protocol.id, reason: 'trust' })
      this.#tellRefused(entry, key, SERVED_TO[protocol.trust])
      pipe.abort(networkError('STREAM_CLOSED', `${protocol.id}: ${SERVED_TO[protocol.trust]}`))
      return
    }
    if (!this.#admit(entry, peer, pipe)) return
    const { maxMessageBytes, idleTimeoutMs } = protocol
    const ask = (bytes: number): number => {
      const waitMs = quota.ask(key, bytes)
      if (waitMs > 0) metrics.delayedRequests.inc({ protocol: protocol.id })
      return waitMs
    }
    const channel = new PipeChannel(
      { protocol: protocol.id, maxMessageBytes, idleTimeoutMs },
      {
        peer,
        pipe,
        report: (kind, detail) => report(peer, kind, detail),
        // Whoever runs the board may ask for as much as it does: what it uploads comes in messages.
        ...(protocol.trust !== 'operator' && { ask }),
      },
    )
    open.add(channel)
    const onGone = (): void => {
      open.delete(channel)
      admission.leave(key)
    }
    if (channel.signal.aborted) onGone()
    else channel.signal.addEventListener('abort', onGone, { once: true })
    try {
      await handler(channel)
      await channel.close({ signal: channel.signal })
    } catch (error) {
      const level = isSkepError(error) || channel.signal.aborted ? 'debug' : 'error'
      log[level]({ err: error, peer: key, protocol: protocol.id }, 'stream handler failed')
      channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
    }
  }

  /** Whoever tries to run this node is worth a line. */
  #tellRefused(entry: Entry, peer: string, why: string): void {
    const { log, clock } = this.#deps
    const { id, trust } = entry.protocol
    const nowMs = clock()
    const isWarning = trust === 'operator' && nowMs - entry.warnedMs >= REFUSAL_WARNING_MS
    if (isWarning) entry.warnedMs = nowMs
    log[isWarning ? 'warn' : 'debug']({ peer, protocol: id }, `refused a stream: it is ${why}`)
  }
}
