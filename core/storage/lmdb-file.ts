import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { storageError } from './errors.ts'

/** Fixed, so that a store moves between boards whose kernels use other page sizes. */
export const LMDB_PAGE_BYTES = 4096
export const LMDB_DATA_FILE = 'data.mdb'
const LOCK_FILE = 'lock.mdb'

/** Holds files in memory, on every Linux: shm_overview(7). */
const MEMORY_DIRECTORY = '/dev/shm'
/** More than LMDB's lock file takes for its 126 readers. */
const LOCK_FILE_BYTES = 3 * LMDB_PAGE_BYTES
/** What a new environment writes before its first commit, with room to spare. */
const NEW_ENVIRONMENT_BYTES = 256 * 1024

/** Where things are in a meta page of LMDB's data format 2: pages 0 and 1 of the file are such. */
const META = { magic: 24, version: 28, pageBytes: 48, freeRoot: 88, mainRoot: 136, end: 144 }
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const NO_ROOT = 0xffff_ffff_ffff_ffffn

/**
 * Makes sure that LMDB can open the environment in `directory`, since it doesn't fail but crash where a data file is
 * none, or where there is no room for the lock file that it maps. To be disposed of when LMDB has opened.
 *
 * @throws SkepError STORAGE_UNREADABLE, STORAGE_FULL
 */
export function prepareEnvironment(directory: string): Disposable {
  const problem = problemOf(join(directory, LMDB_DATA_FILE))
  if (problem) throw storageError('STORAGE_UNREADABLE', `${join(directory, LMDB_DATA_FILE)} ${problem}`)
  if (isEmpty(join(directory, LMDB_DATA_FILE))) {
    const { bavail, bsize } = statfsSync(directory)
    if (bavail * bsize < NEW_ENVIRONMENT_BYTES)
      throw storageError('STORAGE_FULL', `no room on disk for ${directory}`)
  }
  const lock = join(directory, LOCK_FILE)
  // A crash in the middle of a start may have left the link.
  rmSync(lock, { force: true })
  const inMemory = lockInMemory(lock)
  if (inMemory) return inMemory
  try {
    writeFileSync(lock, Buffer.alloc(LOCK_FILE_BYTES), { mode: 0o600 })
  } catch (cause) {
    throw storageError('STORAGE_FULL', `no room on disk for ${lock}`, { cause })
  }
  return { [Symbol.dispose]() {} }
}

/**
 * Has LMDB find its lock file in memory, without a name. LMDB notes there who reads, through a map: on disk every read makes
 * a page dirty, which the kernel writes back twice a minute, journal and all, some 50 MB a day of a node that only reads.
 * One process holds the directory (`lock.ts`), so nobody else looks for the file. Undefined where there is no such place.
 */
function lockInMemory(lock: string): Disposable | undefined {
  const file = join(MEMORY_DIRECTORY, `skep-${randomUUID()}`)
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'wx+', 0o600)
    // Takes the memory now: where there is none, a write here fails, and one through the map would kill the process.
    writeSync(descriptor, Buffer.alloc(LOCK_FILE_BYTES))
    symlinkSync(`/proc/self/fd/${descriptor}`, lock)
  } catch {
    if (descriptor !== undefined) closeSync(descriptor)
    return undefined
  } finally {
    rmSync(file, { force: true })
  }
  return {
    [Symbol.dispose]() {
      rmSync(lock, { force: true })
      closeSync(descriptor)
    },
  }
}

/** What is wrong with a data file, or undefined where it is absent, empty or looks like one. */
function problemOf(path: string): string | undefined {
  if (isEmpty(path)) return undefined
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const metas = Buffer.alloc(2 * LMDB_PAGE_BYTES)
    if (readSync(file, metas, 0, metas.length, 0) < metas.length) return `is cut short at ${size} bytes`
    for (const meta of [metas.subarray(0, LMDB_PAGE_BYTES), metas.subarray(LMDB_PAGE_BYTES)]) {
      if (meta.readUInt32LE(META.magic) !== MAGIC) return 'is no LMDB file'
      if ((meta.readUInt32LE(META.version) & 0xffff) !== DATA_VERSION)
        return 'has an unknown LMDB data format'
      if (meta.readUInt32LE(META.pageBytes) !== LMDB_PAGE_BYTES)
        return `has no pages of ${LMDB_PAGE_BYTES} bytes`
      for (const root of [meta.readBigUInt64LE(META.freeRoot), meta.readBigUInt64LE(META.mainRoot)]) {
        if (root !== NO_ROOT && (root + 1n) * BigInt(LMDB_PAGE_BYTES) > size)
          return `is cut short at ${size} bytes`
      }
    }
    return undefined
  } finally {
    closeSync(file)
  }
}

function isEmpty(path: string): boolean {
  return !existsSync(path) || statSync(path).size === 0
}
