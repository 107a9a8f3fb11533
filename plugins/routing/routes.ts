import type { FastifyInstance } from 'fastify'
import type { CID } from 'multiformats/cid'
import {
  answerWithEvents,
  type PeerSummary,
  type Peers,
  type Provider,
  parseContentPath,
  type Routing,
} from '../../core/api.ts'
import { routingError } from './errors.ts'

/** More than a CID has, for one to be told that a path is none. */
const MAX_PATH_CHARACTERS = 1024

const CID_SCHEMA = {
  params: {
    type: 'object',
    required: ['cid'],
    properties: { cid: { type: 'string', minLength: 1, maxLength: MAX_PATH_CHARACTERS } },
  },
}

interface ProviderItem {
  readonly peer: string
  readonly source: Provider['source']
  /** Those told with it, or else those in the peer table. */
  readonly addresses: readonly string[]
}

export interface RoutesDependencies {
  readonly routing: Routing
  readonly peers: Pick<Peers, 'get'>
  readonly status: () => object
}

export function createRoutes({ routing, peers, status }: RoutesDependencies) {
  return (app: FastifyInstance): void => {
    app.get('/routing', { config: { scope: 'read' } }, async () => status())

    app.get<{ Params: { cid: string } }>(
      '/routing/providers/:cid',
      { config: { scope: 'get' }, schema: CID_SCHEMA },
      async (request, reply) =>
        answerWithEvents<{ providers: number }, ProviderItem>(request, reply, async ({ item }) => {
          const cid = parseCid(request.params.cid)
          let providers = 0
          const options = { signal: request.cancelled, enough: Number.POSITIVE_INFINITY }
          for await (const provider of routing.findProviders(cid, options)) {
            providers += 1
            await item(itemOf(provider, peers))
          }
          return { providers }
        }),
    )
  }
}

/** @throws SkepError CID_INVALID, PATH_REFUSED */
function parseCid(text: string): CID {
  const { root, names } = parseContentPath(text)
  if (names.length === 0) return root
  throw routingError('PATH_REFUSED', `'${text}' is a path; expected the CID of one block, such as ${root}`)
}

/** Who tells of a peer that is known already often tells no address of it. */
function itemOf({ peer, source, addresses }: Provider, peers: Pick<Peers, 'get'>): ProviderItem {
  const told = addresses.map(String)
  return { peer: peer.toString(), source, addresses: told.length > 0 ? told : addressesOf(peers.get(peer)) }
}

function addressesOf(known: PeerSummary | undefined): readonly string[] {
  if (!known) return []
  const { remoteAddress, addresses } = known
  return addresses.length > 0 || remoteAddress === undefined ? addresses : [remoteAddress]
}
