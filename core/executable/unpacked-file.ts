import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../errors.ts'
import { executableError } from './errors.ts'

const READ_ONLY = 0o500
/** A draft that old belongs to no start under way: the process that wrote it was killed. */
const ABANDONED_MS = 10 * 60 * 1000

/**
 * The file in `directory` that holds exactly `content`, open for reading; the caller closes it. It is written where it isn't
 * there or isn't as it was written, which somebody may have had a hand in: nothing is believed that was not hashed just now.
 *
 * The name carries the hash, so that versions never share a file. `directory` is the user's own.
 *
 * @throws SkepError CACHE_UNUSABLE
 */
export function openUnpacked(directory: string, name: string, content: Uint8Array, user: number): number {
  const hash = sha256(content)
  const path = join(directory, fileName(name, hash))
  try {
    return openGenuine(path, hash, user) ?? unpack(path, content, hash, user)
  } catch (error) {
    throw executableError('CACHE_UNUSABLE', `${path} can't be unpacked: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Removes what other versions unpacked, and drafts of starts that were killed. What is in use stays so until it is closed. */
export function removeStale(directory: string, name: string, content: Uint8Array, nowMs: number): void {
  const current = fileName(name, sha256(content))
  for (const entry of readdirSync(directory)) {
    if (entry === current || !entry.startsWith(`${name}-`)) continue
    const path = join(directory, entry)
    if (!entry.endsWith('.draft') || nowMs - statSync(path).mtimeMs > ABANDONED_MS)
      rmSync(path, { force: true })
  }
}

function unpack(path: string, content: Uint8Array, hash: string, user: number): number {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) rmSync(path, { recursive: true })
  const draft = `${path}.${randomBytes(8).toString('hex')}.draft`
  try {
    const file = openSync(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, READ_ONLY)
    try {
      writeFileSync(file, content)
      fchmodSync(file, READ_ONLY) // Whatever the umask took away.
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  const file = openGenuine(path, hash, user)
  if (file === undefined) throw new Error('it changed while it was written')
  return file
}

/** Nothing where there is no such file, or where it isn't the one that this user wrote. */
function openGenuine(path: string, hash: string, user: number): number | undefined {
  const file = openNoLink(path)
  if (file === undefined) return undefined
  const stat = fstatSync(file)
  const isOurs = stat.isFile() && stat.uid === user && (stat.mode & 0o777) === READ_ONLY
  if (isOurs && sha256(readFileSync(file)) === hash) return file
  closeSync(file)
  return undefined
}

function openNoLink(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}

function fileName(name: string, hash: string): string {
  return `${name}-${hash}.node`
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
