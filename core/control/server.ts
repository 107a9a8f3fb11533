import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { ControlAccess } from './access.ts'
import type { Control } from './control.ts'
import type { Entrance } from './entrance.ts'
import { controlError, errorBody, statusOf } from './errors.ts'
import { listenOnSocket } from './socket.ts'
import { SocketGuests } from './socket-guests.ts'
import { asksForTunnel, upgradeAnswer } from './upgrade.ts'
import { endAfterUpload } from './upload-end.ts'

/** JSON requests are a few hundred bytes. Streams have their own parsers, which this limit doesn't reach. */
const MAX_JSON_BYTES = 64 * 1024

/** How long a stopping node waits for clients that don't read their answers before it hangs up on them. */
const CLOSE_GRACE_MS = 2000

/** Between a connection and the end of its request's headers. A client of ours needs a few milliseconds. */
const HEADERS_TIMEOUT_MS = 60_000

/** No parameter of a path is longer than the headers may be, which Node bounds. */
const MAX_PARAMETER_CHARACTERS = 64 * 1024

/** Bodies of these types are handed to their route unread. */
const STREAMED_TYPES = ['application/octet-stream', 'application/x-tar']

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborted when the client leaves before its answer is complete, and when the node stops. */
    cancelled: AbortSignal
    /** Says that the answer ends with the process: closing doesn't wait for it, and it doesn't keep the process alive. */
    lingers(): void
  }
}

export interface ControlServer extends Control {
  /**
   * Takes connections; no route can be added any more.
   * @throws SkepError SOCKET_PATH_TOO_LONG, SOCKET_IN_USE, SOCKET_FAILED
   */
  listen(): Promise<void>
  /**
   * Answers what comes in by `server`, which is the caller's to open and to close, as far as `entrance` admits it. To be called
   * before {@link listen}. Its connections are closed with the others.
   */
  serve(server: Server, entrance: Entrance): void
  /** Cancels what runs, removes the socket and waits until every answer is sent. Idempotent. */
  close(): Promise<void>
}

export interface ControlOptions {
  readonly socketPath: string
  /** Default: its owner alone. */
  readonly access?: ControlAccess
}

export function createControl(
  { socketPath, access = 'owner' }: ControlOptions,
  { log }: { readonly log: Logger },
): ControlServer {
  const stopping = new AbortController()
  /** Answers under way, and connections; but for those that linger. */
  const open = new Set<ServerResponse>()
  const connections = new Set<Socket>()
  // On the server itself: fastify sets no timeouts on one that it didn't make. An upload may take hours.
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: HEADERS_TIMEOUT_MS,
    shouldUpgradeCallback: asksForTunnel,
  })
  const follow = (server: Server): void => {
    server.on('connection', socket => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
    })
  }
  follow(server)
  const guests = new SocketGuests(server)
  /** By which entrance a request came; none: by the socket. */
  const entrances = new WeakMap<IncomingMessage, Entrance>()
  const app = fastify({
    // Listening is our own (see listenOnSocket); fastify only answers.
    serverFactory: handler =>
      server.on('request', (request, answer) => {
        if (guests.begin(request, answer)) handler(request, answer)
      }),
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_JSON_BYTES,
    // It would do all the work of an answer that nobody gets, and of a stream not even begin it.
    exposeHeadRoutes: false,
    // Fastify answers these by itself, whoever asks: no hook sees them.
    rewriteUrl: ({ url = '' }) => (isPath(url) ? url : '/'),
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS },
    // An unknown parameter is a mistake to be told, not to be dropped.
    ajv: { customOptions: { removeAdditional: false } },
  })

  // Fastify's own, which a form of a web page may send without being asked for leave.
  app.removeContentTypeParser('text/plain')
  server.on('upgrade', (request, connection) => {
    if (guests.begin(request)) app.routing(request, upgradeAnswer(request, connection))
  })

  app.addContentTypeParser(STREAMED_TYPES, (_request, payload, done) => done(null, payload))

  app.decorateRequest('cancelled')
  app.decorateRequest('lingers', function (this: FastifyRequest) {
    for (const answer of open) if (answer.req === this.raw) open.delete(answer)
    connections.delete(this.raw.socket)
    // What an entrance brings may be no socket of the system.
    this.raw.socket.unref?.()
  })
  app.addHook('onRequest', async (request, reply) => {
    const gone = new AbortController()
    open.add(reply.raw)
    reply.raw.once('close', () => {
      open.delete(reply.raw)
      if (!reply.raw.writableFinished) gone.abort(controlError('CLIENT_GONE', 'the client has disconnected'))
    })
    request.cancelled = AbortSignal.any([gone.signal, stopping.signal])
    const entrance = entrances.get(request.raw)
    if (!entrance) return
    const { config } = request.routeOptions
    const withdrawn = entrance.admit(request, reply, request.is404 ? undefined : (config.scope ?? 'local'))
    if (withdrawn) request.cancelled = AbortSignal.any([request.cancelled, withdrawn])
    // It has the whole of its answer, as what a browser asks before it asks.
    if (reply.sent) return reply
  })
  // The body may have taken long: by now the client may be gone, its token revoked, the node stopping.
  app.addHook('preHandler', async ({ cancelled }) => cancelled.throwIfAborted())

  app.setNotFoundHandler(request => {
    throw controlError('ROUTE_NOT_FOUND', `no route ${request.method} ${request.originalUrl}`)
  })

  app.setErrorHandler<FastifyError>(async (error, request, reply) => {
    const badStatus = badRequestStatus(error)
    const known = badStatus ? controlError('INPUT_INVALID', mistake(error, request), { cause: error }) : error
    const status = badStatus ?? statusOf(known)
    // What breaks because the client left is no fault of the node.
    const isOurs = status === 500 && !request.cancelled?.aborted
    const { url: route } = request.routeOptions
    // Of a user's mistake it says nothing where in the code it was noticed.
    if (status < 500) log.debug({ status, reason: messageOf(error), route }, 'request refused')
    else log[isOurs ? 'error' : 'debug']({ err: error, route }, 'request failed')
    const answer = JSON.stringify({ error: errorBody(known) })
    reply.hijack()
    reply.raw.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(answer),
    })
    await endAfterUpload(request, reply.raw, answer)
  })

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    stopping.abort(controlError('NODE_STOPPING', 'the node is stopping'))
    server.close()
    const hangUp = setTimeout(() => {
      for (const answer of open) answer.destroy()
    }, CLOSE_GRACE_MS)
    await Promise.all(Array.from(open, answer => new Promise(resolve => answer.once('close', resolve))))
    clearTimeout(hangUp)
    // What is left has asked nothing, or has its answer.
    for (const connection of connections) connection.destroy()
    await app.close()
  }

  return {
    routes(add) {
      app.register(async scope => add(scope as unknown as Parameters<typeof add>[0]), { prefix: '/v1' })
    },
    serve(server, entrance) {
      follow(server)
      server.on('request', (request, answer) => {
        // Hung up on already, say for all that it sent at once.
        if (request.socket.destroyed) return
        entrances.set(request, entrance)
        app.routing(request, answer)
      })
    },
    async listen() {
      await app.ready()
      await listenOnSocket(server, socketPath, access)
    },
    close() {
      closing ??= close()
      return closing
    },
  }
}

/** Of what fastify itself refuses before a route sees it: schema, JSON syntax, size, media type. */
function badRequestStatus({ statusCode }: FastifyError): number | undefined {
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : undefined
}

function mistake({ code, message }: FastifyError, { headers }: FastifyRequest): string {
  if (code !== 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return message
  const expected = `application/json, or for content ${STREAMED_TYPES.join(' or ')}`
  return `the content type is ${headers['content-type'] ?? 'missing'}; expected ${expected}`
}

/** What a router can read: from `/` on, and rightly encoded. A proxy's requests name a whole URL. RFC 9112, section 3.2 */
function isPath(target: string): boolean {
  const [path = ''] = target.split(/[?#]/, 1)
  if (!path.startsWith('/')) return false
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
