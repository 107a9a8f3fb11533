import type { FastifyInstance } from 'fastify'
import { MAX_INVITE_MS, MIN_INVITE_MS } from '../../fleet/invite-limits.ts'
import { answerWithEvents } from '../answers.ts'
import type { CoreServices } from './services.ts'

const NAME = { type: 'string', minLength: 1, maxLength: 256 } as const
const TEXT = { type: 'string', minLength: 1, maxLength: 4096 } as const

function objectOf(properties: object, required: readonly string[] = []) {
  return { type: 'object', additionalProperties: false, required, properties } as const
}

const CREATE_SCHEMA = { body: objectOf({ name: NAME, board: NAME }, ['name']) }
const INVITE_SCHEMA = {
  body: objectOf(
    { expiresInMs: { type: 'integer', minimum: MIN_INVITE_MS, maximum: MAX_INVITE_MS }, name: NAME },
    ['expiresInMs'],
  ),
}
const JOIN_SCHEMA = { body: objectOf({ invite: TEXT, name: NAME }, ['invite']) }
const MEMBER_BODY_SCHEMA = { body: objectOf({ member: NAME }, ['member']) }
const MEMBER_QUERY_SCHEMA = { querystring: objectOf({ member: NAME }, ['member']) }
const LEAVE_SCHEMA = { querystring: objectOf({ deleteKey: { type: 'boolean' } }) }
const KEY_SCHEMA = { body: objectOf({ key: TEXT }, ['key']) }

export function fleetRoutes({ fleet }: Pick<CoreServices, 'fleet'>) {
  return (app: FastifyInstance): void => {
    app.get('/fleet', { config: { scope: 'read' } }, async () => fleet.status())

    app.get('/fleet/members', { config: { scope: 'read' } }, async () => fleet.members())

    app.post<{ Body: { name: string; board?: string } }>(
      '/fleet',
      { config: { scope: 'fleet' }, schema: CREATE_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, () => fleet.create(request.body.name, request.body.board)),
    )

    app.delete<{ Querystring: { deleteKey?: boolean } }>(
      '/fleet',
      { config: { scope: 'local' }, schema: LEAVE_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, () => fleet.leave({ deleteKey: request.query.deleteKey ?? false })),
    )

    app.post<{ Body: { expiresInMs: number; name?: string } }>(
      '/fleet/invites',
      { config: { scope: 'fleet' }, schema: INVITE_SCHEMA },
      async (request, reply) => answerWithEvents(request, reply, () => fleet.invite(request.body, request)),
    )

    app.delete('/fleet/invites', { config: { scope: 'fleet' } }, async (request, reply) =>
      answerWithEvents(request, reply, async () => ({ cancelled: await fleet.cancelInvites() })),
    )

    app.post<{ Body: { invite: string; name?: string } }>(
      '/fleet/join',
      { config: { scope: 'fleet' }, schema: JOIN_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, () => {
          const { invite, ...options } = request.body
          return fleet.join(invite, { ...options, signal: request.cancelled })
        }),
    )

    app.delete<{ Querystring: { member: string } }>(
      '/fleet/members',
      { config: { scope: 'fleet' }, schema: MEMBER_QUERY_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, () => fleet.remove(request.query.member, request)),
    )

    app.post<{ Body: { member: string } }>(
      '/fleet/operators',
      { config: { scope: 'fleet' }, schema: MEMBER_BODY_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, () => fleet.delegate(request.body.member, request)),
    )

    app.delete<{ Querystring: { member: string } }>(
      '/fleet/operators',
      { config: { scope: 'fleet' }, schema: MEMBER_QUERY_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, () => fleet.revoke(request.query.member, request)),
    )

    // Not by GET: what is asked for as a page may be kept as one.
    app.post('/fleet/key/backup', { config: { scope: 'local' } }, async (request, reply) =>
      answerWithEvents(request, reply, async () => ({ key: await fleet.backupKey() })),
    )

    app.post<{ Body: { key: string } }>(
      '/fleet/key',
      { config: { scope: 'local' }, schema: KEY_SCHEMA },
      async (request, reply) => answerWithEvents(request, reply, () => fleet.restoreKey(request.body.key)),
    )
  }
}
