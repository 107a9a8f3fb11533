import { storageError } from './errors.ts'

const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** A file operation's failure as STORAGE_FULL or STORAGE_FAILED. */
export function diskError(cause: unknown, message: string): Error {
  if (!FULL.includes(systemCodeOf(cause))) return storageError('STORAGE_FAILED', message, { cause })
  return storageError('STORAGE_FULL', `${message}: the disk is full`, { cause })
}

/** `ENOSPC` and the like; empty where the error isn't the system's. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
