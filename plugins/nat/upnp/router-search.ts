import { createSocket, type Socket } from 'node:dgram'
import { EventEmitter, on } from 'node:events'
import { parseSearchAnswer, SEARCH, SEARCH_GROUP } from './router-messages.ts'

/** Routers that are asked; a network with more has other troubles. The first to answer are taken. */
const MAX_ROUTERS = 4
/** Each node of a fleet hears all of the others ask: what is asked once a second was most of what an idle fleet sends. */
const ASK_AGAIN_MS = 4_000
/** As UPnP has it. */
const MULTICAST_TTL = 2

export interface FoundRouter {
  /** Of its description: at the address that answered. */
  readonly location: URL
  /** The address of this node that was asked from: ports can be forwarded to it. */
  readonly localHost: string
}

/**
 * Routers (IGD 2) on the local networks of `localHosts`, each once, until `signal` aborts: then it throws.
 * @param group where to ask; for tests
 */
export async function* searchRouters(
  localHosts: readonly string[],
  signal: AbortSignal,
  group: { readonly address: string; readonly port: number } = SEARCH_GROUP,
): AsyncGenerator<FoundRouter, void, void> {
  const answers = new EventEmitter<{ found: [FoundRouter] }>()
  const seen = new Set<string>()
  const sockets = localHosts.map(localHost =>
    openSocket(localHost, (answer, from) => {
      const location = parseSearchAnswer(answer)
      if (location?.hostname !== from || seen.has(from) || seen.size >= MAX_ROUTERS) return
      seen.add(from)
      answers.emit('found', { location, localHost })
    }),
  )
  const ask = (): void => {
    for (const socket of sockets) socket.send(SEARCH, group.port, group.address, () => undefined)
  }
  const asking = setInterval(ask, ASK_AGAIN_MS).unref()
  try {
    const found = on(answers, 'found', { signal })
    ask()
    for await (const [router] of found) yield router as FoundRouter
  } finally {
    clearInterval(asking)
    for (const socket of sockets) socket.close()
  }
}

/** Of an address that went away meanwhile, nothing comes. */
function openSocket(localHost: string, onMessage: (message: Buffer, from: string) => void): Socket {
  const socket = createSocket('udp4')
  socket.on('message', (message, { address }) => onMessage(message, address))
  socket.on('error', () => undefined)
  socket.bind({ address: localHost, port: 0 }, () => {
    try {
      socket.setMulticastTTL(MULTICAST_TTL)
      socket.setMulticastInterface(localHost)
    } catch {
      // It went just now.
    }
  })
  return socket
}
