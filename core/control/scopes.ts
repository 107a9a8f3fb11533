/** What a token may be good for, each with what it lets its bearer do. A route of the control API asks for exactly one. */
export const SCOPES = {
  read: 'see how the node is: status, peers, pins, storage, fleet, events',
  get: 'read content, which the node fetches where it does not hold it: cat, get, ls, providers',
  add: 'add content, which is pinned unless it asks otherwise',
  pins: 'pin and unpin',
  peers: 'connect, disconnect, forget, tag, block and pardon peers',
  storage: 'check and repair what is stored',
  fleet:
    'invite and remove members, name operators, create and join a fleet: with it comes all that operators may',
  node: 'see the configuration, stop the node',
} as const satisfies Readonly<Record<string, string>>

export type Scope = keyof typeof SCOPES

/**
 * `local`: for whoever can open the unix socket, and nobody else. What hands out a lasting secret, reads files of the machine, or
 * can't be put right from afar. So is a route that names nothing.
 */
export type RouteScope = Scope | 'local'

export function isScope(text: string): text is Scope {
  return Object.hasOwn(SCOPES, text)
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may ask, of those who don't come through the unix socket. Default: nobody. */
    scope?: RouteScope
  }
}
