import type { FastifyInstance } from 'fastify'
import { answerWithEvents, type Content } from '../../core/api.ts'
import { cidOfHash } from './block-hash.ts'
import type { DagVerifier, VerifyReport } from './dag-verifier.ts'
import type { Damage, DamageList } from './damage-list.ts'

export interface RoutesDependencies {
  readonly content: Pick<Content, 'resolve'>
  readonly verifier: DagVerifier
  readonly list: DamageList
  readonly status: () => object
}

const VERIFY_SCHEMA = {
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: { path: { type: 'string', minLength: 1, maxLength: 4096 } },
  },
}

export function createRoutes({ content, verifier, list, status }: RoutesDependencies) {
  return (app: FastifyInstance): void => {
    app.get('/verification', { config: { scope: 'read' } }, async () => status())

    app.get('/verification/damaged', { config: { scope: 'read' } }, async (request, reply) =>
      answerWithEvents<{ beyond: number }, ReturnType<typeof damageItem>>(
        request,
        reply,
        async ({ item }) => {
          for (const damage of list.entries()) await item(damageItem(damage))
          return { beyond: list.beyond }
        },
      ),
    )

    app.post<{ Body: { path: string } }>(
      '/verification',
      { config: { scope: 'storage' }, schema: VERIFY_SCHEMA },
      async (request, reply) =>
        answerWithEvents<VerifyReport & { cid: string }>(request, reply, async ({ progress }) => {
          const options = { signal: request.cancelled, onProgress: progress }
          const cid = await content.resolve(request.body.path, options)
          return { cid: cid.toString(), ...(await verifier.verify(cid, options)) }
        }),
    )
  }
}

function damageItem({ hash, foundMs, tries, reason }: Damage) {
  return { cid: cidOfHash(hash).toString(), foundMs, tries, ...(reason !== undefined && { reason }) }
}
