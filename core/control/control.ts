import type { FastifyInstance } from 'fastify'
import { type Token, token } from '../container.ts'

/**
 * The node's HTTP server: on its unix socket, where whoever can open it may do everything, and by other ways, where each request
 * is let in by the scope of its route.
 *
 * Routes are added in `register()`: fastify takes none once it listens. It starts to listen when the boot is over.
 */
export interface Control {
  /** Adds routes under `/v1`. The plugin function is fastify's own. One without `config: { scope }` is for the socket alone. */
  routes(add: (app: FastifyInstance) => void): void
}

export const Control: Token<Control> = token('control')
