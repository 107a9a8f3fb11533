import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { Client } from './client.ts'
import type { Context } from './context.ts'

/** A client of the node that the command line means, here or on another board. Its calls tell where none answers. */
export async function nodeClient({ sockets, node }: Pick<Context, 'sockets' | 'node'>): Promise<Client> {
  const [{ createClient }, socketPath] = await Promise.all([import('./client.ts'), findSocket(sockets)])
  return createClient(socketPath, node)
}

/** The first that a node answers on; where none does, the first that is there at all: its error tells most. */
export async function findSocket(sockets: Context['sockets']): Promise<string> {
  const [first, ...others] = sockets
  if (others.length === 0) return first
  const outcomes = await Promise.all(sockets.map(async path => ({ path, error: await connectError(path) })))
  const found =
    outcomes.find(({ error }) => error === undefined) ??
    outcomes.find(({ error }) => error !== 'ENOENT' && error !== 'ENOTDIR')
  return found?.path ?? first
}

/** Why no connection to `path` can be made, as the system's code; undefined where one can. */
async function connectError(path: string): Promise<string | undefined> {
  const probe = createConnection(path)
  try {
    await once(probe, 'connect')
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  } finally {
    probe.destroy()
  }
}
