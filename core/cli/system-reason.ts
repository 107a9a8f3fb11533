import { messageOf } from '../errors.ts'

/** `, stat '/nope'`: how the system names what was done, and to what. */
const CALL = /, \w+(?: '.*')?$/s

/** Why the system refused, for a message that names the path itself: `ENOENT: no such file or directory`. */
export function systemReason(error: unknown): string {
  const isSystems = error instanceof Error && 'syscall' in error
  return isSystems ? error.message.replace(CALL, '') : messageOf(error)
}
