import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { ControlConfig } from '../config.ts'
import { controlError, errorBody, statusOf } from '../errors.ts'
import type { ControlMetrics, RefusalReason } from '../metrics.ts'
import { clientHost } from './client-host.ts'
import { type Flow, judgeFlow, type Stalls } from './stalls.ts'

export type TcpListenerOptions = Pick<
  ControlConfig,
  'host' | 'maxConnections' | 'maxConnectionsPerHost' | 'requestTimeoutMs' | 'stallTimeoutMs'
> & { readonly port: number }

export interface TcpListenerDependencies {
  readonly metrics: Pick<ControlMetrics, 'refused'>
  readonly log: Logger
  /** Asked now and then, while it listens. */
  readonly onReview: () => void
  /** Monotonic. */
  readonly nowMs: () => number
}

/** Room for a token and what browsers send along. */
const MAX_HEADER_BYTES = 8192
/** How often connections are looked at, within a time that they may stall. */
const REVIEWS_PER_STALL = 4
const MAX_REVIEW_MS = 5000

/**
 * The connections of the control API by TCP: how many, how fast, how long. What comes in by them is somebody else's. Where there
 * are too many, that one goes which has been without a request for longest: any web page can have a browser open some, and leave
 * them. One has one request at a time: the answers of several would wait in memory, whoever reads them.
 */
export class TcpListener {
  /** Listens from {@link listen} on. */
  readonly server: Server
  readonly #options: TcpListenerOptions
  readonly #deps: TcpListenerDependencies
  /** Of those without a request, the one that has been so for longest comes first. */
  readonly #connections = new Map<Socket, Connection>()
  #reviews: NodeJS.Timeout | undefined

  constructor(options: TcpListenerOptions, deps: TcpListenerDependencies) {
    this.#options = options
    this.#deps = deps
    const { requestTimeoutMs } = options
    this.server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: requestTimeoutMs,
      connectionsCheckingInterval: reviewMs(requestTimeoutMs),
      // An upload may take hours, as long as it moves: see `stalls.ts`.
      requestTimeout: 0,
      // Of two hosts or tokens Node would take the first, and a proxy maybe the last: together they are none.
      joinDuplicateHeaders: true,
      // Who names no host is told so, and counted, as who names a wrong one.
      requireHostHeader: false,
    })
    this.server.on('connection', socket => this.#admit(socket))
    this.server.on('request', (request, answer) => this.#follow(request, answer))
    // Node would answer by itself, and read on for ever. RFC 9110, section 10.1.1, lets us ignore what we don't know.
    this.server.on('checkExpectation', (request, answer) => this.server.emit('request', request, answer))
    this.server.on('clientError', (error, socket) => this.#refuse(error, socket as Socket))
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Where it listens, or undefined while it doesn't. */
  get url(): string | undefined {
    const place = this.server.address() as AddressInfo | null
    if (!place) return undefined
    const { address, family, port } = place
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  /** @throws SkepError PORT_IN_USE, LISTEN_FAILED */
  async listen(): Promise<void> {
    const { host, port, stallTimeoutMs } = this.#options
    const listening = once(this.server, 'listening')
    this.server.listen({ host, port })
    await listening.catch(error => {
      throw listenError(error, host, port)
    })
    this.#reviews = setInterval(() => this.#review(), reviewMs(stallTimeoutMs)).unref()
    this.#deps.log.info({ url: this.url }, 'control listens')
  }

  /** Takes no more connections; those that are open are left to who answers them. Idempotent. */
  close(): void {
    clearInterval(this.#reviews)
    this.server.close()
  }

  #admit(socket: Socket): void {
    const host = clientHost(socket.remoteAddress)
    const { maxConnections, maxConnectionsPerHost } = this.#options
    const all = [...this.#connections]
    const ofHost = all.filter(([, connection]) => connection.host === host)
    const hasRoom =
      this.#makeRoom(ofHost, maxConnectionsPerHost, 'connections_of_host') &&
      this.#makeRoom(all, maxConnections, 'connections')
    if (!hasRoom) {
      socket.destroy()
      return
    }
    this.#connections.set(socket, { host, request: undefined, stalls: {} })
    socket.once('close', () => this.#connections.delete(socket))
  }

  /** False where all of `among`, which are `max` or more, are busy. */
  #makeRoom(among: readonly [Socket, Connection][], max: number, reason: RefusalReason): boolean {
    const left = among.filter(([socket]) => this.#connections.has(socket))
    if (left.length < max) return true
    this.#refused(reason)
    const [quiet] = left.find(([, { request }]) => request === undefined) ?? []
    if (!quiet) return false
    this.#connections.delete(quiet)
    quiet.destroy()
    return true
  }

  #follow(request: IncomingMessage, answer: ServerResponse): void {
    const { socket } = request
    const connection = this.#connections.get(socket)
    if (!connection || socket.destroyed) return
    if (connection.request) {
      this.#cut(socket, 'pipelining')
      return
    }
    connection.request = request
    answer.once('close', () => {
      connection.request = undefined
      if (this.#connections.delete(socket)) this.#connections.set(socket, connection)
    })
    // Who has its answer and still sends would go on for ever.
    answer.once('finish', () => {
      if (!request.complete) socket.destroySoon()
    })
  }

  #review(): void {
    this.#deps.onReview()
    const { stallTimeoutMs } = this.#options
    for (const [socket, connection] of this.#connections) {
      const flow = flowOf(socket, connection)
      const { stalls, verdict } = judgeFlow(connection.stalls, flow, stallTimeoutMs, this.#deps.nowMs())
      connection.stalls = stalls
      if (verdict) this.#cut(socket, verdict)
    }
  }

  #cut(socket: Socket, reason: RefusalReason): void {
    this.#refused(reason)
    this.#deps.log.debug({ reason, host: this.#connections.get(socket)?.host }, 'connection cut off')
    socket.destroy()
  }

  /** What is no HTTP, is too large, or doesn't come to its end in time. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const isSlow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    this.#refused(isSlow ? 'slow_request' : 'malformed')
    const known = isSlow
      ? controlError('REQUEST_TIMEOUT', `no whole request within ${this.#options.requestTimeoutMs} ms`)
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? controlError('HEADERS_TOO_LARGE', `the headers have more than ${MAX_HEADER_BYTES} bytes`)
        : controlError('REQUEST_MALFORMED', `this is no HTTP/1.1: ${messageOf(error)}`)
    const body = JSON.stringify({ error: errorBody(known) })
    const head = `HTTP/1.1 ${statusOf(known)} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`
    socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`)
    // Whoever neither reads nor leaves.
    const hangUp = setTimeout(() => socket.destroy(), this.#options.requestTimeoutMs).unref()
    socket.once('close', () => clearTimeout(hangUp))
  }

  #refused(reason: RefusalReason): void {
    this.#deps.metrics.refused.inc({ reason })
  }
}

interface Connection {
  readonly host: string
  /** The one that has no whole answer yet. */
  request: IncomingMessage | undefined
  stalls: Stalls
}

function flowOf(socket: Socket, { request }: Connection): Flow {
  return {
    receivedBytes: socket.bytesRead,
    sentBytes: socket.bytesWritten - socket.writableLength,
    isReceiving:
      request !== undefined && !request.complete && request.readableLength < request.readableHighWaterMark,
    isSending: socket.writableLength > 0,
  }
}

function reviewMs(timeoutMs: number): number {
  return Math.min(timeoutMs / REVIEWS_PER_STALL, MAX_REVIEW_MS)
}

function listenError(cause: unknown, host: string, port: number): Error {
  const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
  return isTaken
    ? controlError('PORT_IN_USE', `port ${port} of ${host} is in use`, { cause })
    : controlError('LISTEN_FAILED', `can't listen on port ${port} of ${host}: ${messageOf(cause)}`, { cause })
}
