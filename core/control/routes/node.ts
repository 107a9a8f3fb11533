import type { FastifyInstance } from 'fastify'
import { describeOrigin } from '../../config/source.ts'
import type { CoreServices } from './services.ts'

export function nodeRoutes({ state, config, stop }: Pick<CoreServices, 'state' | 'config' | 'stop'>) {
  return (app: FastifyInstance): void => {
    app.get('/status', { config: { scope: 'read' } }, async () => state.status())

    app.get('/plugins', { config: { scope: 'read' } }, async () => state.status().plugins)

    app.get('/config', { config: { scope: 'node' } }, async () =>
      config
        .entries()
        .map(({ key, value, text, origin }) => ({ key, value, text, origin: describeOrigin(origin) })),
    )

    // The answer stays open until the process ends, which is how the client knows that it has.
    app.post('/stop', { config: { scope: 'node' } }, async (request, reply) => {
      reply.hijack()
      request.lingers()
      reply.raw.writeHead(202)
      reply.raw.flushHeaders()
      stop()
    })
  }
}
