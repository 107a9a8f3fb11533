import type { StreamHandler, StreamHandlerOptions } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Protocol } from './protocols.ts'

// Streams of libp2p's own services (identify, ping, kad-dht, autonat, …) are read by these services, and let in and counted by
// the table of protocols like all others.

/** What their messages stay within, each by a limit of its own. */
const MAX_MESSAGE_BYTES = 64 * 1024
/** What may come back on a stream that we opened: an answer of kad-dht names forty peers with their addresses. */
export const MAX_ANSWER_BYTES = 256 * 1024
/** All of them give a message ten seconds, or less. */
const IDLE_TIMEOUT_MS = 10_000

/** Those that we ask, and that answer with one short message. */
const ANSWERING = /\/kad\/|^\/(ipfs|libp2p)\/(id|ping|autonat|dcutr)(\/|$)/
/** Streams that become whole connections, within limits of the relay, once their first message is answered. */
const RELAYED = /^\/libp2p\/circuit\/relay\//
const DHT = /\/kad\//

/** The row of a service's protocol. */
export function serviceProtocol(id: string): Protocol {
  const isDht = DHT.test(id)
  return {
    id,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    maxStreamsPerPeer: isDht ? 32 : 16,
    streamsPerSecond: isDht ? 50 : 10,
    trust: 'anyone',
  }
}

/** Whether what comes on a stream of it is questions, each of which costs work. */
export function isPaced(id: string): boolean {
  return !RELAYED.test(id)
}

/** Whether {@link MAX_ANSWER_BYTES} bounds what comes on a stream of it that we opened. */
export function hasShortAnswers(id: string): boolean {
  return ANSWERING.test(id)
}

/** Where the handlers of services are registered, instead of at libp2p. */
export interface ServiceTable {
  handleService(
    owner: string,
    id: string,
    handler: StreamHandler,
    options?: StreamHandlerOptions,
  ): Promise<void>
  unhandleService(ids: string | string[]): Promise<void>
}

/** `parts` of libp2p whose registrar leads to `table`. */
export function tabled<C>(parts: C, table: ServiceTable, owner: string): C {
  const shown = parts as object
  return new Proxy(shown, {
    get(_, name) {
      const part: unknown = Reflect.get(shown, name)
      return name === 'registrar' && part ? registrarTo(part as Registrar, table, owner) : part
    },
  }) as C
}

function registrarTo(registrar: Registrar, table: ServiceTable, owner: string): Registrar {
  const own: Pick<Registrar, 'handle' | 'unhandle'> = {
    handle: (id, handler, options) => table.handleService(owner, id, handler, options),
    unhandle: ids => table.unhandleService(ids),
  }
  return new Proxy(registrar, {
    get(target, name) {
      if (name === 'handle' || name === 'unhandle') return own[name]
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
