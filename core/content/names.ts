import { contentError } from './errors.ts'

/** A full shard of names that long still fits into a block. File systems take 255 bytes. */
const MAX_NAME_BYTES = 1_024

/** Levels of directories that one entry may lie in: PATH_MAX of Linux allows no more. */
const MAX_PATH_NAMES = 2_048

/**
 * Refuses what can't be the name of a file in one directory, or would leave it.
 * @throws SkepError NAME_UNSAFE
 */
export function checkName(name: string, where: string): void {
  const why = faultOf(name)
  if (why) throw contentError('NAME_UNSAFE', `${where} has an entry named ${JSON.stringify(name)}: ${why}`)
}

/**
 * The names of an entry's path, outermost first; none for the root itself.
 * @throws SkepError ENTRY_INVALID
 */
export function namesOf(path: string): string[] {
  const names = path === '' ? [] : path.split('/')
  for (const name of names) {
    const why = faultOf(name) ?? (Buffer.byteLength(name) > MAX_NAME_BYTES ? 'it is too long' : undefined)
    if (why) throw contentError('ENTRY_INVALID', `the path ${JSON.stringify(path)} has a bad name: ${why}`)
  }
  if (names.length <= MAX_PATH_NAMES) return names
  throw contentError('ENTRY_INVALID', `the path of ${names.length} names is deeper than ${MAX_PATH_NAMES}`)
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (name === '.' || name === '..') return 'it means a directory, not an entry'
  if (name.includes('/')) return "it has a '/' in it"
  if (name.includes('\0')) return 'it has a NUL in it'
  if (!name.isWellFormed()) return 'it is not Unicode text'
  return undefined
}
