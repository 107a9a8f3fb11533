import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { storageError } from './errors.ts'

/** Fixed, so that a store moves between boards whose kernels use other page sizes. */
export const LMDB_PAGE_BYTES = 4096
export const LMDB_DATA_FILE = 'data.mdb'
const LOCK_FILE = 'lock.mdb'

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
 * none, or where the disk has no room for the lock file that it maps.
 *
 * @throws SkepError STORAGE_UNREADABLE, STORAGE_FULL
 */
export function prepareEnvironment(directory: string): void {
  const problem = problemOf(join(directory, LMDB_DATA_FILE))
  if (problem) throw storageError('STORAGE_UNREADABLE', `${join(directory, LMDB_DATA_FILE)} ${problem}`)
  if (isEmpty(join(directory, LMDB_DATA_FILE))) {
    const { bavail, bsize } = statfsSync(directory)
    if (bavail * bsize < NEW_ENVIRONMENT_BYTES)
      throw storageError('STORAGE_FULL', `no room on disk for ${directory}`)
  }
  const lock = join(directory, LOCK_FILE)
  try {
    if (isEmpty(lock)) writeFileSync(lock, Buffer.alloc(LOCK_FILE_BYTES), { mode: 0o600 })
  } catch (cause) {
    throw storageError('STORAGE_FULL', `no room on disk for ${lock}`, { cause })
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
