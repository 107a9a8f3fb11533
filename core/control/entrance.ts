import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RouteScope } from './scopes.ts'

/** A way to the routes other than the unix socket. Every request that comes in by it is admitted, or refused, on its own. */
export interface Entrance {
  /**
   * Asked before anything of the request but its headers is read. Throws what the client is told, and may set headers of the
   * answer. A signal that it returns cuts off the answer when it aborts, with its reason as the error.
   *
   * @param scope What the route asks for; undefined where there is no such route.
   */
  admit(request: FastifyRequest, reply: FastifyReply, scope: RouteScope | undefined): AbortSignal | undefined
}
