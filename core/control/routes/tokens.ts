import type { FastifyInstance } from 'fastify'
import { answerWithEvents } from '../answers.ts'
import { SCOPES } from '../scopes.ts'
import { MAX_TOKEN_MS, MIN_TOKEN_MS } from '../tokens/token-limits.ts'
import type { TokenRequest, Tokens } from '../tokens/tokens.ts'

const NAME = { type: 'string', minLength: 1, maxLength: 256 } as const

const CREATE_SCHEMA = {
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['scopes'],
    properties: {
      scopes: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: Object.keys(SCOPES) } },
      name: NAME,
      expiresInMs: { type: 'integer', minimum: MIN_TOKEN_MS, maximum: MAX_TOKEN_MS },
    },
  },
}

const REVOKE_SCHEMA = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    required: ['token'],
    properties: { token: NAME },
  },
}

/** Who may make tokens needs none. */
export function tokenRoutes({ tokens }: { readonly tokens: Tokens }) {
  return (app: FastifyInstance): void => {
    app.get('/tokens', { config: { scope: 'local' } }, async () => tokens.list())

    app.post<{ Body: TokenRequest }>(
      '/tokens',
      { config: { scope: 'local' }, schema: CREATE_SCHEMA },
      async (request, reply) => answerWithEvents(request, reply, () => tokens.create(request.body)),
    )

    app.delete<{ Querystring: { token: string } }>(
      '/tokens',
      { config: { scope: 'local' }, schema: REVOKE_SCHEMA },
      async (request, reply) => answerWithEvents(request, reply, () => tokens.revoke(request.query.token)),
    )
  }
}
