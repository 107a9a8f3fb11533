import { contentError } from './errors.ts'
import { checkOpenLinks } from './walk.ts'

/** A full shard of names that long still fits into a block. File systems take 255 bytes. */
const MAX_NAME_BYTES = 1_024

/** Levels of directories that one entry may lie in: PATH_MAX of Linux allows no more. */
const MAX_PATH_NAMES = 2_048

/** Entries of one directory, in and out: it is in memory while it is written, at some 510 bytes an entry. */
export const MAX_DIRECTORY_ENTRIES = 200_000

/** Of a directory and all it lies in: a deep tree of large ones would fill the memory. */
const MAX_OPEN_NAMES = 2 * MAX_DIRECTORY_ENTRIES

/** The names of a directory that is being exported, while it is: each safe, each once, and no more than memory has room for. */
export class EntryNames {
  /** Links that the readers of this directory and of all it lies in hold. */
  readonly openLinks: number
  readonly #where: string
  readonly #outerCount: number
  readonly #names = new Set<string>()

  /**
   * `links`: how many the reader of the directory holds at a time. `outer`: the names of the directory it lies in, which
   * stands still meanwhile.
   *
   * @throws SkepError DAG_INVALID
   */
  constructor(where: string, links: number, outer?: EntryNames) {
    this.#where = where
    this.#outerCount = outer ? outer.#outerCount + outer.#names.size : 0
    this.openLinks = links + (outer ? outer.openLinks : 0)
    checkOpenLinks(where, this.openLinks)
  }

  /** @throws SkepError NAME_UNSAFE, DAG_INVALID */
  add(name: string): void {
    checkName(name, this.#where)
    // A name that is there twice could be a link out of the tree, and then a directory beneath it.
    if (this.#names.has(name)) throw contentError('NAME_UNSAFE', `${this.#where} has '${name}' twice`)
    if (this.#names.size === MAX_DIRECTORY_ENTRIES) {
      throw contentError('DAG_INVALID', `${this.#where} has over ${MAX_DIRECTORY_ENTRIES} entries`)
    }
    if (this.#outerCount + this.#names.size === MAX_OPEN_NAMES) {
      const message = `${this.#where} and the directories it lies in have over ${MAX_OPEN_NAMES} entries`
      throw contentError('DAG_INVALID', message)
    }
    this.#names.add(name)
  }
}

/**
 * Refuses what can't be the name of a file in one directory, or would leave it, or is too long for any.
 * @throws SkepError NAME_UNSAFE
 */
function checkName(name: string, where: string): void {
  const why = faultOf(name)
  if (why) {
    const shown = JSON.stringify(name.slice(0, MAX_NAME_BYTES))
    throw contentError('NAME_UNSAFE', `${where} has an entry named ${shown}: ${why}`)
  }
}

/**
 * The names of an entry's path, outermost first; none for the root itself.
 * @throws SkepError ENTRY_INVALID
 */
export function namesOf(path: string): string[] {
  const names = path === '' ? [] : path.split('/')
  for (const name of names) {
    const why = faultOf(name)
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
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `it is over ${MAX_NAME_BYTES} bytes long`
  return undefined
}
