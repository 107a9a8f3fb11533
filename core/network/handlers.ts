import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { isSkepError, messageOf } from '../errors.ts'
import type { EvidenceKind } from '../events.ts'
import type { Logger } from '../logger.ts'
import { Admission } from './admission.ts'
import { PipeChannel } from './channel.ts'
import { networkError } from './errors.ts'
import type { Channel } from './framing.ts'
import type { NetworkMetrics } from './metrics.ts'
import type { Pipe } from './pipe.ts'
import type { Protocol, ProtocolRow, Trust } from './protocols.ts'
import { StreamPipe } from './stream-pipe.ts'

export type ChannelHandler = (channel: Channel) => Promise<void>

export interface HandlersDependencies {
  /** libp2p's own table, which this one keeps in step. */
  readonly registrar: {
    handle(
      id: string,
      handler: (stream: Stream, connection: Connection) => Promise<void>,
      options: { maxInboundStreams: number },
    ): Promise<void>
    unhandle(id: string): Promise<void>
  }
  report(peer: PeerId, kind: EvidenceKind, detail: string): void
  /** Whether `peer` is one of those that `trust` names. */
  trusts(peer: PeerId, trust: Exclude<Trust, 'anyone'>): boolean
  readonly metrics: Pick<NetworkMetrics, 'streams' | 'refusedStreams'>
  readonly log: Logger
  /** Monotonic milliseconds. */
  clock(): number
}

const SERVED_TO = {
  fleet: 'for the fleet alone',
  operator: 'for operators of the fleet alone',
} as const satisfies Record<Exclude<Trust, 'anyone'>, string>

interface Entry {
  readonly protocol: Protocol
  readonly owner: string
  readonly handler: ChannelHandler
  readonly admission: Admission
  readonly channels: Set<Channel>
}

/** The protocol table: the one place where inbound streams are let in, limited and ended. */
export class Handlers {
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
    const taken = this.#entries.get(protocol.id)
    if (taken)
      throw networkError('NAME_TAKEN', `protocol ${protocol.id} is already handled by ${taken.owner}`)
    const admission = new Admission(protocol, { clock: this.#deps.clock })
    const entry = { protocol, owner, handler, admission, channels: new Set<Channel>() }
    this.#entries.set(protocol.id, entry)
    try {
      // libp2p's limit counts per connection and charges nobody, so ours has to come first.
      await this.#deps.registrar.handle(
        protocol.id,
        (stream, { remotePeer }) => this.#serve(entry, new StreamPipe(stream), remotePeer),
        { maxInboundStreams: Number.POSITIVE_INFINITY },
      )
    } catch (error) {
      this.#entries.delete(protocol.id)
      throw error
    }
  }

  /** Takes all handlers of `owner` away and resets their streams. */
  async release(owner: string): Promise<void> {
    const entries = [...this.#entries.values()].filter(entry => entry.owner === owner)
    await Promise.all(
      entries.map(async ({ protocol, channels }) => {
        this.#entries.delete(protocol.id)
        await this.#deps.registrar.unhandle(protocol.id)
        const reason = networkError('STREAM_CLOSED', `${protocol.id} is no longer handled here`)
        for (const channel of channels) channel.abort(reason)
      }),
    )
  }

  /** Serves a protocol on a pipe that is no libp2p stream, within the same limits. */
  async serve(id: string, pipe: Pipe, peer: PeerId): Promise<void> {
    const entry = this.#entries.get(id)
    if (entry) await this.#serve(entry, pipe, peer)
    else pipe.abort(networkError('STREAM_CLOSED', `${id} is not handled here`))
  }

  async #serve(entry: Entry, pipe: Pipe, peer: PeerId): Promise<void> {
    const { protocol, handler, admission, channels } = entry
    const { log, metrics, report, trusts } = this.#deps
    const key = peer.toString()
    if (protocol.trust !== 'anyone' && !trusts(peer, protocol.trust)) {
      // Whoever asks couldn't know, so it is no fault.
      metrics.refusedStreams.inc({ protocol: protocol.id, reason: 'trust' })
      log.debug({ peer: key, protocol: protocol.id, trust: protocol.trust }, 'a stream is not for this peer')
      pipe.abort(networkError('STREAM_CLOSED', `${protocol.id}: ${SERVED_TO[protocol.trust]}`))
      return
    }
    const refusal = admission.enter(key)
    if (refusal) {
      metrics.refusedStreams.inc({ protocol: protocol.id, reason: refusal })
      const detail = refusal === 'streams' ? 'too many streams at a time' : 'streams opened too fast'
      report(peer, 'overload', `${protocol.id}: ${detail}`)
      pipe.abort(networkError('STREAM_CLOSED', `${protocol.id}: ${detail}`))
      return
    }
    metrics.streams.inc({ protocol: protocol.id, direction: 'inbound' })
    const { maxMessageBytes, idleTimeoutMs } = protocol
    const channel = new PipeChannel(
      { protocol: protocol.id, maxMessageBytes, idleTimeoutMs },
      { peer, pipe, report: (kind, detail) => report(peer, kind, detail) },
    )
    channels.add(channel)
    const onGone = (): void => {
      channels.delete(channel)
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
}
