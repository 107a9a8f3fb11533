export const EIO = 5
/** A file system's own limit, such as FAT's 4 GiB a file. */
const EFBIG = 27
const ENOSPC = 28
const EDQUOT = 122
const MDB_MAP_FULL = -30792

/** No room: on disk, in the file system's limit of a file, or in the map. */
export function isFull(error: unknown): boolean {
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
