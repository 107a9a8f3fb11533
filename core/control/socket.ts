import { once } from 'node:events'
import { type BigIntStats, lstatSync, unlinkSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { createConnection, type Server } from 'node:net'
import { messageOf } from '../errors.ts'
import type { ControlAccess } from './access.ts'
import { controlError } from './errors.ts'
import { checkSocketPath } from './socket-path.ts'

/** All permission bits but read and write of those who may. */
const UMASKS: Readonly<Record<ControlAccess, number>> = { owner: 0o177, group: 0o117 }

/**
 * Binds `server` to a unix socket with mode 0600, or 0660 for the group, in place of one that a dead process left behind.
 *
 * @throws SkepError SOCKET_PATH_TOO_LONG, SOCKET_IN_USE, SOCKET_FAILED
 */
export async function listenOnSocket(server: Server, path: string, access: ControlAccess): Promise<void> {
  checkSocketPath(path)
  const stale = await findStale(path)
  // From here to `listen` without an await: of nodes that start at once, one takes the place.
  if (stale) remove(path, stale)
  const listening = once(server, 'listening')
  // The file is made inside `listen`, synchronously: with the umask around it, it is never open to others, as it would be
  // between a bind and a chmod.
  const umask = process.umask(UMASKS[access])
  try {
    server.listen(path)
  } finally {
    process.umask(umask)
  }
  await listening.catch(error => {
    if (error.code === 'EADDRINUSE') throw taken(path)
    throw controlError('SOCKET_FAILED', `can't listen on ${path}: ${messageOf(error)}`, { cause: error })
  })
}

/** A socket nobody answers on is what a killed node left. One that somebody answers on, or another file, is left alone. */
async function findStale(path: string): Promise<BigIntStats | undefined> {
  const found = await lstat(path, { bigint: true }).catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw controlError('SOCKET_FAILED', `can't look at ${path}: ${messageOf(error)}`, { cause: error })
  })
  if (!found) return undefined
  if (!found.isSocket()) throw controlError('SOCKET_FAILED', `${path} exists and is not a socket`)
  if (await answers(path)) throw taken(path)
  return found
}

/** Unless another node has done so meanwhile, and listens there. */
function remove(path: string, stale: BigIntStats): void {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (!found) return
  // A new socket may get the number of the one that was there.
  if (found.ino !== stale.ino || found.mtimeNs !== stale.mtimeNs) throw taken(path)
  try {
    unlinkSync(path)
  } catch (error) {
    throw controlError('SOCKET_FAILED', `can't remove ${path}: ${messageOf(error)}`, { cause: error })
  }
}

function taken(path: string): Error {
  return controlError('SOCKET_IN_USE', `another node answers on ${path}`)
}

/** Whether a process accepts connections on `path`. */
async function answers(path: string): Promise<boolean> {
  const probe = createConnection(path)
  try {
    await once(probe, 'connect')
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    // Refused: nobody is there any more. Or the socket has just gone.
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return false
    throw controlError('SOCKET_FAILED', `can't connect to ${path}: ${messageOf(error)}`, { cause: error })
  } finally {
    probe.destroy()
  }
}
