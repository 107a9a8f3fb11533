import type { FastifyInstance } from 'fastify'
import { type Change, type ChangeFeed, positionIn } from '../../state/change-feed.ts'
import { answerWithEvents } from '../answers.ts'

const EVENTS_SCHEMA = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: { since: { type: 'string', minLength: 1, maxLength: 100 } },
  },
}

/** What happens in the node, an `item` line each, until the client leaves; an `error` line tells why it ends otherwise. */
export function eventRoutes({ changes }: { readonly changes: ChangeFeed }) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: { since?: string } }>(
      '/events',
      { config: { scope: 'read' }, schema: EVENTS_SCHEMA },
      async (request, reply) =>
        answerWithEvents<never, Change>(request, reply, async ({ item }) => {
          const { since } = request.query
          const position = since === undefined ? undefined : positionIn(since, changes)
          const feed = changes.read(position, { signal: request.cancelled })
          for await (const change of feed) await item(change)
          throw new TypeError('a feed has no end')
        }),
    )
  }
}
