import type { AddressInfo, Socket } from 'node:net'
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify'
import {
  isLoopbackAddress,
  isLoopbackHost,
  isSkepError,
  type Logger,
  messageOf,
  type SkepError,
} from '../../core/api.ts'
import { clip } from './clip.ts'
import type { MonitoringConfig } from './config.ts'
import { monitoringError } from './errors.ts'

export interface Answer {
  readonly status: number
  /** Text is sent as it is, with its type; anything else as JSON. */
  readonly body: unknown
  readonly contentType?: string
}

export interface ServerDependencies {
  /** By path. */
  readonly routes: Readonly<Record<string, () => Promise<Answer>>>
  /** By path: what answers by itself, for as long as it likes. */
  readonly streams: Readonly<Record<string, (request: FastifyRequest, reply: FastifyReply) => Promise<void>>>
  readonly onAnswered: (route: string, status: number) => void
  readonly log: Logger
}

type ServerOptions = Pick<
  MonitoringConfig,
  'host' | 'port' | 'maxConnections' | 'requestTimeoutMs' | 'probeTimeoutMs'
>

/** No request has a body, and this leaves room for what clients send along. */
const MAX_HEADER_BYTES = 8192
const MAX_BODY_BYTES = 1024

/** A small HTTP server that only answers questions. Nothing about it changes the node. */
export class MonitoringServer {
  readonly #options: ServerOptions
  readonly #dependencies: ServerDependencies
  #app: FastifyInstance | undefined
  #address: AddressInfo | undefined

  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Where it listens, or undefined while it doesn't. */
  get url(): string | undefined {
    if (!this.#address) return undefined
    const { address, family, port } = this.#address
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  /** @throws SkepError PORT_IN_USE, LISTEN_FAILED */
  async listen(): Promise<void> {
    const { host, port, maxConnections } = this.#options
    const app = this.#createApp()
    this.#app = app
    app.server.maxConnections = maxConnections
    try {
      await app.listen({ host, port })
      this.#address = app.server.address() as AddressInfo
    } catch (error) {
      await this.close()
      throw listenError(error, host, port)
    }
  }

  /** Hangs up on everybody. Idempotent. */
  async close(): Promise<void> {
    const app = this.#app
    this.#app = undefined
    this.#address = undefined
    await app?.close()
  }

  #createApp(): FastifyInstance {
    const { requestTimeoutMs, probeTimeoutMs } = this.#options
    const { routes, streams, onAnswered } = this.#dependencies
    const app = fastify({
      bodyLimit: MAX_BODY_BYTES,
      requestTimeout: requestTimeoutMs,
      // Nothing in either direction: whoever doesn't read what it asked for would hold its place for good. But an answer may wait
      // for probes.
      connectionTimeout: requestTimeoutMs + probeTimeoutMs,
      keepAliveTimeout: requestTimeoutMs,
      forceCloseConnections: true,
      http: {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: requestTimeoutMs,
        connectionsCheckingInterval: requestTimeoutMs,
      },
    })
    /** Connections with a request that isn't answered. */
    const busy = new WeakSet<Socket>()
    app.addHook('onRequest', async (request, reply) => {
      const { socket } = request.raw
      if (busy.has(socket)) {
        // Hundreds fit into one read, and would be answered in one turn. No client of today sends them before it has an answer.
        socket.destroy()
        throw monitoringError('REQUEST_REFUSED', 'asked again before the answer was sent')
      }
      busy.add(socket)
      reply.raw.once('close', () => busy.delete(socket))
      reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
      const { host } = request.headers
      const isLocal = this.#address !== undefined && isLoopbackAddress(this.#address.address)
      if (isLocal && host !== undefined && !isLoopbackHost(host)) {
        throw monitoringError(
          'HOST_REFUSED',
          `asked for by the name ${clip(host)}, which is not this machine's own`,
        )
      }
    })
    app.addHook('onResponse', async (request, reply) => {
      onAnswered(request.routeOptions.url ?? 'unknown', reply.statusCode)
    })
    for (const [path, answer] of Object.entries(routes)) {
      app.get(path, async (_, reply) => {
        const { status, body, contentType = 'application/json; charset=utf-8' } = await answer()
        return reply.code(status).type(contentType).send(body)
      })
    }
    for (const [path, answer] of Object.entries(streams)) app.get(path, answer)
    app.setNotFoundHandler(({ method, url }) => {
      throw monitoringError('ROUTE_NOT_FOUND', `no ${method} ${clip(url)}`)
    })
    app.setErrorHandler<FastifyError>((error, _, reply) => this.#refuse(error, reply))
    return app
  }

  #refuse(error: FastifyError, reply: FastifyReply): FastifyReply {
    const { known, status } = explain(error)
    if (status === 500) this.#dependencies.log.error({ err: error }, 'monitoring request failed')
    const { code, message, fix } = known
    return reply.code(status).send({ error: { code, message, fix } })
  }
}

const STATUS: Readonly<Record<string, number>> = {
  REQUEST_REFUSED: 400,
  QUERY_INVALID: 400,
  POSITION_INVALID: 400,
  ROUTE_NOT_FOUND: 404,
  HOST_REFUSED: 403,
  ORIGIN_REFUSED: 403,
  LISTENERS_FULL: 503,
}

/** What fastify itself refuses has its own status: a body too large, a type it doesn't know. */
function explain(error: FastifyError): { readonly known: SkepError; readonly status: number } {
  if (isSkepError(error)) return { known: error, status: STATUS[error.code] ?? 500 }
  const { statusCode: status = 500 } = error
  const code = status < 500 ? 'REQUEST_REFUSED' : 'ANSWER_FAILED'
  return { known: monitoringError(code, messageOf(error), { cause: error }), status }
}

function listenError(error: unknown, host: string, port: number): Error {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  return isTaken
    ? monitoringError('PORT_IN_USE', `port ${port} of ${host} is in use`, { cause: error })
    : monitoringError('LISTEN_FAILED', `can't listen on port ${port} of ${host}: ${messageOf(error)}`, {
        cause: error,
      })
}
