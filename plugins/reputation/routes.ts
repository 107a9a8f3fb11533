import type { FastifyInstance } from 'fastify'
import { answerWithEvents, type PeerId, peerNamed, type Reputation } from '../../core/api.ts'

const PEER = {
  type: 'object',
  additionalProperties: false,
  required: ['peer'],
  properties: { peer: { type: 'string', minLength: 1, maxLength: 1024 } },
} as const

export interface RoutesDependencies {
  readonly reputation: Pick<Reputation, 'why' | 'pardon'>
  /** Ids of peers that may be named by a part of theirs. */
  readonly known: () => readonly string[]
  readonly status: () => object
}

export function createRoutes({ reputation, known, status }: RoutesDependencies) {
  const named = (name: string): PeerId => peerNamed(name, known())
  return (app: FastifyInstance): void => {
    app.get('/reputation', { config: { scope: 'read' } }, async () => status())

    app.get<{ Querystring: { peer: string } }>(
      '/reputation/why',
      { config: { scope: 'read' }, schema: { querystring: PEER } },
      async request => reputation.why(named(request.query.peer)),
    )

    app.post<{ Body: { peer: string } }>(
      '/reputation/pardon',
      { config: { scope: 'peers' }, schema: { body: PEER } },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const peer = named(request.body.peer)
          return { peer: peer.toString(), pardoned: await reputation.pardon(peer) }
        }),
    )
  }
}
