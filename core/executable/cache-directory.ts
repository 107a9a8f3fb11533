import { lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { messageOf } from '../errors.ts'
import { executableError } from './errors.ts'

const OWNER_ONLY = 0o700
const OTHERS_MAY_WRITE = 0o022
const STICKY = 0o1000
const ROOT = 0

/**
 * Where an executable keeps the code it had to unpack: what systemd grants the service (`CacheDirectory=`, else
 * `RuntimeDirectory=`, the first where it lists several), else the user's own cache. Never a place shared with others, such
 * as /tmp. https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function cacheDirectoryOf(env: NodeJS.ProcessEnv): string {
  const granted = (env.CACHE_DIRECTORY || env.RUNTIME_DIRECTORY)?.split(':')[0]
  return granted
    ? join(resolve(granted), 'code')
    : join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'skep', 'code')
}

/**
 * Makes `directory` where it isn't there, and returns its real path. Nobody but this user and root can change what lies in
 * it, or put another in its place: it is the user's, mode 0700, and so on all the way up.
 *
 * @throws SkepError CACHE_UNSAFE, CACHE_UNUSABLE
 */
export function ensureOwnDirectory(directory: string, user: number): string {
  const path = makeDirectory(directory)
  const own = lstatSync(path)
  if (!own.isDirectory()) throw unsafe(path, 'expected a directory itself, and no link to one')
  if (own.uid !== user) throw unsafe(path, `expected it to be of user ${user}, and it is of ${own.uid}`)
  if ((own.mode & 0o777) !== OWNER_ONLY)
    throw unsafe(path, `expected mode 700, and it has ${octal(own.mode)}`)
  for (let above = dirname(path); ; above = dirname(above)) {
    const { uid, mode } = lstatSync(above)
    if (uid !== user && uid !== ROOT) throw unsafe(path, `user ${uid}, whose ${above} is, could replace it`)
    if (mode & OTHERS_MAY_WRITE && !(mode & STICKY)) {
      throw unsafe(path, `others could replace it: ${above} has mode ${octal(mode)}`)
    }
    if (above === dirname(above)) return path
  }
}

/** The last name is not followed where it is a link: only what is above it may be. */
function makeDirectory(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true, mode: OWNER_ONLY })
    return join(realpathSync(dirname(directory)), basename(directory))
  } catch (error) {
    const message = `${directory}, for code that has to be unpacked, can't be made: ${messageOf(error)}`
    throw executableError('CACHE_UNUSABLE', message, { cause: error })
  }
}

function unsafe(path: string, reason: string): Error {
  return executableError('CACHE_UNSAFE', `${path} is no safe place for code: ${reason}`)
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8)
}
