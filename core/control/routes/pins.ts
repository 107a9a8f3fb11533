import type { FastifyInstance } from 'fastify'
import type { Pin } from '../../services/pins.ts'
import { answerWithEvents } from '../answers.ts'
import { CONTENT_PATH, PIN_NAME } from './schemas.ts'
import type { CoreServices } from './services.ts'

const ADD_SCHEMA = {
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: { path: CONTENT_PATH, name: PIN_NAME },
  },
}

const REMOVE_SCHEMA = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: { path: CONTENT_PATH },
  },
}

export function pinRoutes({ content, pins }: Pick<CoreServices, 'content' | 'pins'>) {
  return (app: FastifyInstance): void => {
    app.get('/pins', { config: { scope: 'read' } }, async (request, reply) =>
      answerWithEvents<Record<string, never>, ReturnType<typeof pinItem>>(
        request,
        reply,
        async ({ item }) => {
          for (const pin of pins.list()) await item(pinItem(pin))
          return {}
        },
      ),
    )

    app.post<{ Body: { path: string; name?: string } }>(
      '/pins',
      { config: { scope: 'pins' }, schema: ADD_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async ({ progress }) => {
          const { path, name } = request.body
          const options = { signal: request.cancelled, onProgress: progress }
          const cid = await content.resolve(path, options)
          return pinItem(await pins.add(cid, { ...options, ...(name !== undefined && { name }) }))
        }),
    )

    app.delete<{ Querystring: { path: string } }>(
      '/pins',
      { config: { scope: 'pins' }, schema: REMOVE_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async ({ progress }) => {
          const options = { signal: request.cancelled, onProgress: progress }
          const cid = await content.resolve(request.query.path, options)
          await pins.remove(cid, options)
          return { cid: cid.toString() }
        }),
    )
  }
}

function pinItem({ cid, name, createdMs, state }: Pin) {
  return { cid: cid.toString(), name, createdMs, state }
}
