import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { FastifyInstance } from 'fastify'
import { messageOf } from '../../errors.ts'
import { answerWithEvents } from '../answers.ts'
import { controlError } from '../errors.ts'
import type { CoreServices } from './core.ts'

const CONNECT_SCHEMA = {
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['address'],
    properties: { address: { type: 'string', minLength: 1, maxLength: 1024 } },
  },
}

export function peerRoutes({ network, state }: Pick<CoreServices, 'network' | 'state'>) {
  return (app: FastifyInstance): void => {
    app.get('/peers', async () => state.status().peers)

    app.post<{ Body: { address: string } }>('/peers', { schema: CONNECT_SCHEMA }, async (request, reply) =>
      answerWithEvents(request, reply, async () => {
        const options = { signal: request.cancelled }
        const { remotePeer, remoteAddr } = await network.dial(target(request.body.address), options)
        // Connected is connected: a peer that doesn't answer to pings is no failure of this.
        const latencyMs = await network.ping(remotePeer, options).catch(() => undefined)
        return { peer: remotePeer.toString(), address: remoteAddr.toString(), latencyMs }
      }),
    )
  }
}

/** A multiaddr, or the id of a peer whose addresses are known. */
function target(address: string): PeerId | Multiaddr {
  try {
    return address.startsWith('/') ? multiaddr(address) : peerIdFromString(address)
  } catch (error) {
    // Of a peer id the library tells how it is decoded, which is of no help.
    const reason = address.startsWith('/') ? ` (${messageOf(error)})` : ''
    throw controlError(
      'INPUT_INVALID',
      `${address} is no address${reason}; expected one like /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…, or a peer id like 12D3KooW…`,
      { cause: error },
    )
  }
}
