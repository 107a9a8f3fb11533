import { type Connection, type PeerId, ProtocolError, type Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { EvidenceKind } from '../events.ts'
import type { Logger } from '../logger.ts'
import { networkError } from './errors.ts'
import { heldBytes, keepsBytesOf } from './held-bytes.ts'
import type { NetworkMetrics } from './metrics.ts'
import type { PeerQuota, StreamRefusal } from './peer-quota.ts'
import { hasShortAnswers, MAX_ANSWER_BYTES } from './services.ts'

/** Of what all connections may hold, so much may be one's: another is then never shut out by it. */
const CONNECTION_SHARE = 0.5
/** What a connection holds is counted again after so many bytes. */
const COUNT_EVERY_BYTES = 64 * 1024
/**
 * Pieces smaller than that are copied: each would keep all of what arrived along with it in memory, which is up to 16 KiB, a TLS
 * record.
 */
const MIN_PIECE_BYTES = 4 * 1024
/** A processor busy for more than this share of the time lags. */
const LAGGING_SHARE = 0.9
/** And of a peer that takes more than this of it with what nobody asked for, this is the reason. */
const GREEDY_SHARE = 0.25

const REFUSALS: Readonly<Record<StreamRefusal, string>> = {
  streams: 'too many streams at a time',
  rate: 'streams opened too fast',
  full: 'too many streams at a time, while others wait',
}

/** What of muxers and their streams isn't public. */
interface GuardedStream extends Stream {
  onData(data: Uint8Array | Uint8ArrayList): void
}

interface GuardedMuxer {
  readonly streams: GuardedStream[]
  readonly maConn: object & { readonly direction: 'inbound' | 'outbound' }
  onData(data: Uint8Array | Uint8ArrayList): void
  onRemoteStream(stream: GuardedStream): void
  createStream(options?: object): Promise<GuardedStream>
  /** Of yamux. https://github.com/hashicorp/yamux/blob/master/spec.md#framing */
  handleFrame?(frame: { readonly header: { type: number; streamID: number; length: number } }): void
  /** Of mplex. https://github.com/libp2p/specs/blob/master/mplex/README.md#message-format */
  handleMessage?(message: { readonly type: number; readonly data?: Uint8ArrayList }): void
}

export interface StreamGuardOptions {
  /** Memory that all connections may hold, of what came and isn't read, and what was sent and isn't taken. */
  readonly maxHeldBytes: number
}

export interface StreamGuardDependencies {
  readonly quota: PeerQuota
  report(peer: PeerId, kind: EvidenceKind, detail: string): void
  readonly metrics: Pick<NetworkMetrics, 'refusedStreams' | 'cutConnections'>
  readonly log: Logger
  /** Monotonic. */
  nowMs(): number
  /** Share of the time since it was asked last that the event loop was busy. */
  utilization(): number
}

interface Held {
  readonly connection: Connection
  readonly muxer: GuardedMuxer
  /** When it was counted last. */
  bytes: number
}

/**
 * Stands between a connection and its muxer: counts streams before anything is agreed on, bounds what a connection holds in
 * memory, and measures what a peer's frames cost. What the muxers do for themselves is bounded for each stream only.
 */
export class StreamGuard {
  readonly #maxHeldBytes: number
  readonly #deps: StreamGuardDependencies
  readonly #held = new Map<Connection, Held>()
  #heldBytes = 0
  #reviewedMs: number

  constructor({ maxHeldBytes }: StreamGuardOptions, deps: StreamGuardDependencies) {
    this.#maxHeldBytes = maxHeldBytes
    this.#deps = deps
    this.#reviewedMs = deps.nowMs()
  }

  /** Memory that connections hold, as counted last. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Called as soon as a connection is open. */
  opened(connection: Connection): void {
    const { muxer } = connection as unknown as { readonly muxer?: GuardedMuxer }
    if (!muxer || this.#held.has(connection)) return
    const held: Held = { connection, muxer, bytes: 0 }
    this.#held.set(connection, held)
    connection.addEventListener('close', () => {
      this.#held.delete(connection)
      this.#heldBytes -= held.bytes
    })
    try {
      this.#watchStreams(held)
      this.#watchIntake(held)
    } catch (error) {
      connection.abort(error as Error)
    }
  }

  /** Called every few seconds: charges peers that keep a busy processor from everything else. */
  review(): void {
    const { quota, report, nowMs, utilization } = this.#deps
    const periodMs = Math.max(1, nowMs() - this.#reviewedMs)
    this.#reviewedMs += periodMs
    const isLagging = utilization() > LAGGING_SHARE
    for (const { peer, share } of quota.greedy(periodMs, GREEDY_SHARE)) {
      const [held] = [...this.#held.values()].filter(
        ({ connection }) => connection.remotePeer.toString() === peer,
      )
      if (!isLagging || !held) continue
      report(
        held.connection.remotePeer,
        'overload',
        `it took ${Math.round(share * 100)} % of a busy processor`,
      )
    }
  }

  #watchStreams({ connection, muxer }: Held): void {
    const onRemoteStream = muxer.onRemoteStream.bind(muxer)
    muxer.onRemoteStream = stream => {
      if (!this.#admit(connection, stream)) return
      compact(stream)
      onRemoteStream(stream)
    }
    for (const stream of [...muxer.streams]) {
      if (stream.direction === 'inbound' && this.#admit(connection, stream)) compact(stream)
    }
    const createStream = muxer.createStream.bind(muxer)
    muxer.createStream = async options => {
      const stream = await createStream(options)
      compact(stream)
      this.#boundAnswer(connection, stream)
      return stream
    }
  }

  /** @throws ProtocolError where the connection has to go */
  #admit({ remotePeer }: Connection, stream: GuardedStream): boolean {
    const { quota, report, metrics } = this.#deps
    const peer = remotePeer.toString()
    const refusal = quota.enter(peer)
    if (!refusal) {
      stream.addEventListener('close', () => quota.leave(peer), { once: true })
      return true
    }
    metrics.refusedStreams.inc({ protocol: 'any', reason: refusal })
    // Of too many streams of all peers, none is to blame.
    if (refusal !== 'full') report(remotePeer, 'overload', REFUSALS[refusal])
    if (refusal === 'rate') {
      metrics.cutConnections.inc({ reason: 'streams' })
      throw new ProtocolError(REFUSALS.rate)
    }
    stream.abort(networkError('STREAM_CLOSED', REFUSALS[refusal]))
    return false
  }

  #boundAnswer({ remotePeer }: Connection, stream: GuardedStream): void {
    const onData = stream.onData.bind(stream)
    let bytes = 0
    stream.onData = data => {
      bytes += data.byteLength
      if (bytes <= MAX_ANSWER_BYTES || !hasShortAnswers(stream.protocol)) return onData(data)
      const detail = `${stream.protocol}: an answer of more than ${MAX_ANSWER_BYTES} bytes came`
      this.#deps.report(remotePeer, 'protocol-violation', detail)
      stream.abort(networkError('FRAME_TOO_LARGE', detail))
    }
  }

  #watchIntake(held: Held): void {
    const { connection, muxer } = held
    const peer = connection.remotePeer.toString()
    const { quota } = this.#deps
    let busyMs = 0
    /** Runs `handle`, which is work for the peer unless we `asked` for what came. */
    const charged = (asked: boolean, handle: () => void): void => {
      const startedMs = asked ? undefined : performance.now()
      try {
        handle()
      } finally {
        if (startedMs !== undefined) busyMs += performance.now() - startedMs
      }
    }
    const handleFrame = muxer.handleFrame?.bind(muxer)
    const ownIds = muxer.maConn.direction === 'outbound' ? 1 : 0
    if (handleFrame) {
      muxer.handleFrame = frame => {
        const { type, streamID, length } = frame.header
        charged(type === 0 && length > 0 && streamID % 2 === ownIds, () => handleFrame(frame))
      }
    }
    const handleMessage = muxer.handleMessage?.bind(muxer)
    if (handleMessage) {
      muxer.handleMessage = message => {
        const bytes = message.data?.byteLength ?? 0
        charged(message.type % 2 === 1 && bytes > 0, () => handleMessage(message))
      }
    }
    const onData = muxer.onData.bind(muxer)
    let uncountedBytes = 0
    muxer.onData = data => {
      busyMs = 0
      onData(data)
      if (busyMs > 0) quota.busy(peer, busyMs)
      uncountedBytes += data.byteLength
      if (uncountedBytes < COUNT_EVERY_BYTES) return
      uncountedBytes = 0
      this.#count(held)
    }
  }

  /** @throws ProtocolError where the connection holds too much */
  #count(held: Held): void {
    // What came may have ended it.
    if (!this.#held.has(held.connection)) return
    this.#measure(held)
    if (held.bytes > this.#maxHeldBytes * CONNECTION_SHARE) {
      throw this.#heldTooMuch(held)
    }
    if (this.#heldBytes <= this.#maxHeldBytes) return
    // Others may have read meanwhile.
    for (const other of this.#held.values()) this.#measure(other)
    if (this.#heldBytes <= this.#maxHeldBytes) return
    let most = held
    for (const other of this.#held.values()) if (other.bytes > most.bytes) most = other
    const error = this.#heldTooMuch(most)
    if (most === held) throw error
    most.connection.abort(error)
  }

  #measure(held: Held): void {
    const { streams, maConn } = held.muxer
    let bytes = heldBytes(maConn)
    for (const stream of streams) bytes += heldBytes(stream)
    this.#heldBytes += bytes - held.bytes
    held.bytes = bytes
  }

  #heldTooMuch({ connection, bytes }: Held): Error {
    const { report, metrics, log } = this.#deps
    const detail = `its connection holds ${bytes} bytes of memory`
    metrics.cutConnections.inc({ reason: 'memory' })
    report(connection.remotePeer, 'overload', detail)
    log.warn(
      { peer: connection.remotePeer.toString(), bytes },
      'a connection is cut: it holds too much memory',
    )
    return new ProtocolError(detail)
  }
}

/** Asks the event loop what share of the time it has been busy since it was asked last. */
export function utilizationMeter(): () => number {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    return utilization
  }
}

/** Has `stream` keep copies of small pieces, and counts what waits until a protocol is agreed on. */
function compact(stream: GuardedStream): void {
  const onData = stream.onData.bind(stream)
  let earlyBytes = 0
  keepsBytesOf(stream, () => (stream.protocol === '' ? earlyBytes : 0))
  stream.onData = data => {
    if (stream.protocol === '') earlyBytes += data.byteLength
    onData(data.byteLength < MIN_PIECE_BYTES ? new Uint8ArrayList(new Uint8Array(data.subarray())) : data)
  }
}
