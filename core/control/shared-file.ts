import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { messageOf } from '../errors.ts'
import { freshBytes } from '../owned-bytes.ts'
import { printable } from '../printable.ts'
import { controlError } from './errors.ts'

/** A file that a command and its node both see, as the command saw it. 64-bit numbers are decimal text. */
export interface SharedFile {
  /** Absolute, without symlinks. */
  readonly path: string
  readonly dev: string
  readonly ino: string
  readonly size: number
  /** Nanoseconds since 1970. */
  readonly mtime: string
}

/** As large as a chunk, so that none is copied together from two reads. */
const READ_BYTES = 1024 * 1024

export function sharedFileOf(path: string, { dev, ino, size, mtimeNs }: BigIntStats): SharedFile {
  return { path, dev: `${dev}`, ino: `${ino}`, size: Number(size), mtime: `${mtimeNs}` }
}

/** @throws SkepError FILE_NOT_SHARED where this process can't read it, or finds another file in its place */
export async function openSharedFile(file: SharedFile): Promise<FileHandle> {
  const notShared = (reason: string, cause?: unknown) =>
    controlError('FILE_NOT_SHARED', `the node can't read ${printable(file.path)}: ${reason}`, { cause })
  // Not to wait for a writer, should a pipe have taken the name meanwhile.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await open(file.path, flags).catch(cause => {
    throw notShared(messageOf(cause), cause)
  })
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile() || !isSame(file, stats)) throw notShared('it sees another file there')
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Exactly what `file` says is there, in pieces that are the caller's; each is read while the one before is worked on.
 * @throws SkepError INPUT_CHANGED where the file changes meanwhile, INPUT_UNREADABLE
 */
export async function* readSharedFile(
  handle: FileHandle,
  file: SharedFile,
): AsyncGenerator<Uint8Array, void, void> {
  let readBytes = 0
  const readNext = async (): Promise<Uint8Array> => {
    // One more than there should be: a file that has grown shows.
    const piece = freshBytes(Math.min(READ_BYTES, file.size - readBytes + 1))
    const { bytesRead } = await handle.read(piece, 0, piece.length, readBytes).catch(cause => {
      const message = `can't read ${printable(file.path)}: ${messageOf(cause)}`
      throw controlError('INPUT_UNREADABLE', message, { cause })
    })
    readBytes += bytesRead
    return bytesRead === piece.length ? piece : piece.subarray(0, bytesRead)
  }
  let next = readNext()
  try {
    while (readBytes <= file.size) {
      const piece = await next
      if (piece.length === 0 || readBytes > file.size) break
      next = readNext()
      next.catch(() => undefined)
      yield piece
    }
    if (readBytes === file.size && isSame(file, await handle.stat({ bigint: true }))) return
    throw controlError(
      'INPUT_CHANGED',
      `${printable(file.path)} changed while it was read: it had ${file.size} bytes`,
    )
  } finally {
    await next.catch(() => undefined)
  }
}

function isSame(file: SharedFile, stats: BigIntStats): boolean {
  const now = sharedFileOf(file.path, stats)
  return now.dev === file.dev && now.ino === file.ino && now.size === file.size && now.mtime === file.mtime
}
