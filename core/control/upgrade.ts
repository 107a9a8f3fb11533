import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The protocol that a client names in `upgrade:` for a tunnel. */
export const TUNNEL = 'skep-control'

const connections = new WeakMap<IncomingMessage, Duplex>()

/** Requests with other upgrades are as any other, which HTTP allows. */
export function asksForTunnel({ headers }: IncomingMessage): boolean {
  return headers.upgrade === TUNNEL
}

/** Where to answer to a request whose connection may become a tunnel. What a client sends before it has its answer is dropped. */
export function upgradeAnswer(request: IncomingMessage, connection: Duplex): ServerResponse {
  const answer = new ServerResponse(request)
  answer.shouldKeepAlive = false
  // It asks for no more than a stream.
  answer.assignSocket(connection as Parameters<ServerResponse['assignSocket']>[0])
  answer.once('finish', () => connection.end())
  connection.on('error', () => {})
  connections.set(request, connection)
  return answer
}

/** The connection of a request that may become a tunnel. */
export function tunnelOf(request: IncomingMessage): Duplex | undefined {
  return connections.get(request)
}
