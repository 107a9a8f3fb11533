import type { FastifyReply, FastifyRequest } from 'fastify'
import { printable } from '../../printable.ts'
import type { ControlConfig } from '../config.ts'
import type { Entrance } from '../entrance.ts'
import { controlError } from '../errors.ts'
import { TOTAL_HEADER } from '../events.ts'
import { isOwnHost, isSameOrigin } from '../http-origin.ts'
import type { ControlMetrics, RefusalReason } from '../metrics.ts'
import type { RouteScope, Scope } from '../scopes.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { clientHost } from './client-host.ts'
import { FailedTries } from './failed-tries.ts'

export interface TcpEntranceDependencies {
  readonly tokens: Pick<Tokens, 'judge'>
  readonly metrics: Pick<ControlMetrics, 'requests' | 'refused'>
  /** Monotonic. */
  readonly nowMs: () => number
}

/** How long a browser keeps what a preflight told it. */
const PREFLIGHT_SECONDS = 600

/** What a client sent, as far as an answer repeats it. */
const MAX_SHOWN_CHARACTERS = 100

/**
 * Admits requests that come by TCP: asked for by a name of ours, from no foreign page, with a token that is good for the route.
 * Whoever has none learns nothing but that.
 */
export class TcpEntrance implements Entrance {
  readonly #names: readonly string[]
  readonly #origins: readonly string[]
  readonly #deps: TcpEntranceDependencies
  readonly #failed = new FailedTries()

  constructor({ names, origins }: Pick<ControlConfig, 'names' | 'origins'>, deps: TcpEntranceDependencies) {
    this.#names = names.map(name => name.toLowerCase())
    this.#origins = origins
    this.#deps = deps
  }

  /**
   * @throws SkepError HOST_REFUSED, ORIGIN_REFUSED, TOKEN_REQUIRED, TOKEN_REFUSED, TOO_MANY_TRIES, SCOPE_MISSING, LOCAL_ONLY
   */
  admit(
    request: FastifyRequest,
    reply: FastifyReply,
    scope: RouteScope | undefined,
  ): AbortSignal | undefined {
    reply.raw.setHeader('cache-control', 'no-store')
    reply.raw.setHeader('x-content-type-options', 'nosniff')
    this.#checkHost(request)
    if (this.#checkOrigin(request, reply) && isPreflight(request)) {
      answerPreflight(reply)
      return undefined
    }
    const { scopes, withdrawn } = this.#checkToken(request, reply)
    this.#checkScope(scopes, scope, reply)
    this.#deps.metrics.requests.inc()
    return withdrawn
  }

  #checkHost({ headers: { host = '' }, raw: { socket } }: FastifyRequest): void {
    if (isOwnHost(host, socket.localAddress ?? '', this.#names)) return
    throw this.#refused(
      'host',
      'HOST_REFUSED',
      `asked for by the name ${clip(host)}, which is none of this node`,
    )
  }

  /** Whether a page of {@link ControlConfig.origins} asks, which is then told that it may read the answer. */
  #checkOrigin({ headers: { origin, host } }: FastifyRequest, reply: FastifyReply): boolean {
    if (origin === undefined) return false
    reply.raw.setHeader('vary', 'origin')
    if (!this.#origins.includes(origin)) {
      // What a proxy serves under one name with this API.
      if (isSameOrigin(origin, host)) return false
      throw this.#refused('origin', 'ORIGIN_REFUSED', `a page of ${clip(origin)} asked`)
    }
    reply.raw.setHeader('access-control-allow-origin', origin)
    reply.raw.setHeader('access-control-expose-headers', `retry-after, www-authenticate, ${TOTAL_HEADER}`)
    return true
  }

  #checkToken({ headers: { authorization }, raw: { socket } }: FastifyRequest, reply: FastifyReply) {
    const bearer = bearerOf(authorization)
    const verdict = bearer === undefined ? undefined : this.#deps.tokens.judge(bearer)
    if (verdict?.kind === 'good') return verdict
    const waitMs = this.#failed.count(clientHost(socket.remoteAddress), this.#deps.nowMs())
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000)
      reply.raw.setHeader('retry-after', seconds)
      throw this.#refused(
        'too_many_tries',
        'TOO_MANY_TRIES',
        `too many tries without a right token from this host; wait ${seconds} s`,
      )
    }
    if (!verdict) {
      reply.raw.setHeader('www-authenticate', 'Bearer realm="skep"')
      throw this.#refused('token_missing', 'TOKEN_REQUIRED', 'no token came with the request')
    }
    reply.raw.setHeader('www-authenticate', 'Bearer realm="skep", error="invalid_token"')
    throw verdict.kind === 'expired'
      ? this.#refused('token_expired', 'TOKEN_REFUSED', `token ${verdict.id} has expired`)
      : this.#refused('token_unknown', 'TOKEN_REFUSED', 'the token is not known here, or was revoked')
  }

  #checkScope(scopes: readonly Scope[], scope: RouteScope | undefined, reply: FastifyReply): void {
    // There is no such route, which somebody with a token may be told.
    if (scope === undefined) return
    if (scope === 'local')
      throw this.#refused('local_route', 'LOCAL_ONLY', 'this is for whoever is on the machine itself')
    if (scopes.includes(scope)) return
    reply.raw.setHeader(
      'www-authenticate',
      `Bearer realm="skep", error="insufficient_scope", scope="${scope}"`,
    )
    throw this.#refused(
      'scope',
      'SCOPE_MISSING',
      `the token lacks the scope ${scope}; it has ${scopes.join(', ') || 'none'}`,
    )
  }

  #refused(reason: RefusalReason, code: Parameters<typeof controlError>[0], message: string): Error {
    this.#deps.metrics.refused.inc({ reason })
    return controlError(code, message)
  }
}

/** RFC 6750, section 2.1; the name of the scheme in any case, RFC 9110, section 11.1. */
function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1]
}

/** https://fetch.spec.whatwg.org/#cors-preflight-request */
function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** Which routes there are it doesn't say: a token is asked for with the request itself. */
function answerPreflight(reply: FastifyReply): void {
  reply.hijack()
  reply.raw.writeHead(204, {
    'access-control-allow-methods': 'GET, POST, DELETE',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': String(PREFLIGHT_SECONDS),
  })
  reply.raw.end()
}

function clip(text: string): string {
  const shown = text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text
  return JSON.stringify(printable(shown))
}
