import { pipeline } from 'node:stream/promises'
import type { FastifyInstance } from 'fastify'
import { controlError } from './errors.ts'
import type { RemoteBoards } from './remote-boards.ts'
import { TUNNEL, tunnelOf } from './upgrade.ts'

/** HTTP's, those of an answer and of two pipelines: a few more than Node warns of. A leak would be of another size. */
const MAX_LISTENERS = 32

const TUNNEL_SCHEMA = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    required: ['member'],
    properties: { member: { type: 'string', minLength: 1, maxLength: 256 } },
  },
}

/** Makes of a client's connection one to the control API of another board of the fleet. */
export function remoteRoutes(boards: Pick<RemoteBoards, 'open'>) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: { member: string } }>(
      '/fleet/control',
      // What asks from afar goes no further.
      { config: { scope: 'local' }, schema: TUNNEL_SCHEMA },
      async (request, reply) => {
        const connection = tunnelOf(request.raw)
        if (!connection) throw controlError('INPUT_INVALID', `expected the header upgrade: ${TUNNEL}`)
        const gone = new AbortController()
        const onEnd = (): void => gone.abort(controlError('CLIENT_GONE', 'the client has disconnected'))
        // Only a stream that is read tells of its end.
        connection.once('end', onEnd).resume()
        const tunnel = await boards.open(request.query.member, {
          signal: AbortSignal.any([request.cancelled, gone.signal]),
        })
        connection.pause().off('end', onEnd)
        if (gone.signal.aborted) tunnel.destroy()
        gone.signal.throwIfAborted()
        reply.hijack()
        connection.setMaxListeners(MAX_LISTENERS)
        connection.write(
          `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${TUNNEL}\r\n\r\n`,
        )
        await pipeline(connection, tunnel, connection, { signal: request.cancelled }).catch(error =>
          request.log.debug({ err: error }, 'a tunnel broke off'),
        )
      },
    )
  }
}
