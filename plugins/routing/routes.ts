import type { FastifyInstance } from 'fastify'
import { CID } from 'multiformats/cid'
import { answerWithEvents, type Provider, type Routing } from '../../core/api.ts'
import { routingError } from './errors.ts'

const CID_SCHEMA = {
  params: {
    type: 'object',
    required: ['cid'],
    properties: { cid: { type: 'string', minLength: 1, maxLength: 256 } },
  },
}

interface ProviderItem {
  readonly peer: string
  readonly source: Provider['source']
  readonly addresses: readonly string[]
}

export interface RoutesDependencies {
  readonly routing: Routing
  readonly status: () => object
}

export function createRoutes({ routing, status }: RoutesDependencies) {
  return (app: FastifyInstance): void => {
    app.get('/routing', async () => status())

    app.get<{ Params: { cid: string } }>(
      '/routing/providers/:cid',
      { schema: CID_SCHEMA },
      async (request, reply) =>
        answerWithEvents<{ providers: number }, ProviderItem>(request, reply, async ({ item }) => {
          const cid = parseCid(request.params.cid)
          let providers = 0
          const options = { signal: request.cancelled, enough: Number.POSITIVE_INFINITY }
          for await (const provider of routing.findProviders(cid, options)) {
            providers += 1
            await item(itemOf(provider))
          }
          return { providers }
        }),
    )
  }
}

/** @throws SkepError CID_INVALID */
function parseCid(text: string): CID {
  try {
    return CID.parse(text)
  } catch (cause) {
    throw routingError('CID_INVALID', `${JSON.stringify(text)} is not a CID`, { cause })
  }
}

function itemOf({ peer, source, addresses }: Provider): ProviderItem {
  return { peer: peer.toString(), source, addresses: addresses.map(String) }
}
