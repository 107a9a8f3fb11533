import type { FastifyInstance } from 'fastify'
import { type Token, token } from '../container.ts'

/**
 * The node's local HTTP server on its unix socket. Whoever can open the socket may do everything.
 *
 * Routes are added in `register()`: fastify takes none once it listens. It starts to listen when the boot is over.
 */
export interface Control {
  /** Adds routes under `/v1`. The plugin function is fastify's own. */
  routes(add: (app: FastifyInstance) => void): void
}

export const Control: Token<Control> = token('control')
