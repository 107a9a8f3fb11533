import { statfsSync } from 'node:fs'
import { messageOf } from '../errors.ts'
import { storageError } from './errors.ts'

export const EIO = 5
/** A file system's own limit, such as FAT's 4 GiB a file. */
const EFBIG = 27
const ENOSPC = 28
const EDQUOT = 122
const MDB_MAP_FULL = -30792
/** A disk with less free than that counts as full where a write came back short. */
const FULL_DISK_BYTES = 1024 * 1024

/** Where an error comes from. */
interface Place {
  readonly directory: string
  /** What is told of it. */
  readonly environment: string
}

/** No room: on disk, in the file system's limit of a file, or in the map. */
function isFull(error: unknown): boolean {
  const code = codeOf(error)
  return code === ENOSPC || code === EDQUOT || code === EFBIG || code === MDB_MAP_FULL
}

/** LMDB's or the system's error number, where the error is one of theirs (a DOMException's code is another thing). */
export function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || error instanceof DOMException || !('code' in error)) return undefined
  return typeof error.code === 'number' ? error.code : undefined
}

/** lmdb-js rejects with an error that promises the real one. */
export async function causeOfFailedCommit(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  return Promise.resolve(error.commitError).then(
    () => error,
    cause => cause,
  )
}

/** @returns what is LMDB's or the system's as STORAGE_FULL or STORAGE_FAILED, anything else as it is */
export function explained(error: unknown, place: Place): Error {
  if (codeOf(error) === undefined) return error as Error
  const where = `the ${place.environment} in ${place.directory}`
  if (isForWantOfRoom(error, place)) {
    return storageError('STORAGE_FULL', `no room on disk for ${where}`, { cause: error })
  }
  return storageError('STORAGE_FAILED', `could not write ${where}: ${messageOf(error)}`, { cause: error })
}

/** LMDB says EIO where a full disk took only part of a write. */
export function isForWantOfRoom(error: unknown, { directory }: Place): boolean {
  if (isFull(error)) return true
  if (codeOf(error) !== EIO) return false
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize < FULL_DISK_BYTES
}
