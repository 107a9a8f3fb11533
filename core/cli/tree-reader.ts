import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { EntryAttributes } from '../content/content.ts'
import type { TreeEntry } from '../control/tar.ts'
import { printable } from '../printable.ts'
import { cliError } from './errors.ts'
import { systemReason } from './system-reason.ts'

/** Large enough that system calls don't count, small enough for a Pi Zero. */
const READ_BYTES = 256 * 1024

/** Up to here a file is read at once. */
const SMALL_FILE_BYTES = 64 * 1024

/** Not to wait for a writer, should a pipe have taken the name meanwhile. */
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const PERMISSION_BITS = 0o7777

export interface ReadOptions {
  /** Takes entries whose names begin with a dot; the root is always taken. */
  readonly hidden?: boolean
  /** Keep permission bits, and with them another CID than without. */
  readonly preserveMode?: boolean
  /** Keep modification times, likewise. */
  readonly preserveMtime?: boolean
}

/**
 * A directory and all beneath it, parents first, names in byte order; symlinks as symlinks. One directory's names are in
 * memory at a time for each level.
 *
 * @throws SkepError INPUT_UNREADABLE, INPUT_UNSUPPORTED, and INPUT_CHANGED while bytes are read
 */
export async function* readTree(root: string, options: ReadOptions): AsyncGenerator<TreeEntry, void, void> {
  yield { type: 'directory', path: '', ...attributes(await readable(root, path => lstat(path)), options) }
  yield* readDirectory(root, '', options)
}

async function* readDirectory(
  root: string,
  directory: string,
  options: ReadOptions,
): AsyncGenerator<TreeEntry, void, void> {
  for (const name of await sortedNames(join(root, directory))) {
    if (name.startsWith('.') && !options.hidden) continue
    const path = directory ? `${directory}/${name}` : name
    const place = join(root, path)
    const stats = await readable(place, path => lstat(path))
    const base = { path, ...attributes(stats, options) }
    if (stats.isDirectory()) {
      yield { ...base, type: 'directory' }
      yield* readDirectory(root, path, options)
    } else if (stats.isSymbolicLink()) {
      yield { ...base, type: 'symlink', target: await readable(place, path => readlink(path)) }
    } else if (stats.isFile()) {
      yield { ...base, type: 'file', size: stats.size, bytes: () => readFileBytes(place, stats) }
    } else {
      throw cliError('INPUT_UNSUPPORTED', `${printable(place)} is neither file, directory nor symlink`)
    }
  }
}

/** Content bytes of a tree, without reading the files. */
export async function treeBytes(root: string, options: ReadOptions): Promise<number> {
  let total = 0
  for await (const entry of readTree(root, options)) {
    if (entry.type === 'file') total += entry.size
  }
  return total
}

/** Exactly what `expected` says is there; throws INPUT_CHANGED where the file changes meanwhile. */
export async function* readFileBytes(
  path: string,
  expected: Pick<Stats, 'size' | 'mtimeMs'>,
): AsyncGenerator<Uint8Array, void, void> {
  if (expected.size <= SMALL_FILE_BYTES) {
    const { bytes, mtimeMs } = await readable(path, async path => readSmallFile(path, expected.size))
    if (bytes.length !== expected.size || mtimeMs !== expected.mtimeMs) throw changed(path, expected)
    if (bytes.length > 0) yield bytes
    return
  }
  const handle = await readable(path, path => open(path, FILE_FLAGS))
  try {
    let total = 0
    for (;;) {
      // One more than there should be: a file that has grown shows.
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, expected.size - total + 1))
      const { bytesRead } = await readable(path, () => handle.read(buffer))
      if (bytesRead === 0) break
      total += bytesRead
      if (total > expected.size) break
      yield buffer.subarray(0, bytesRead)
    }
    const { mtimeMs } = await handle.stat()
    if (total !== expected.size || mtimeMs !== expected.mtimeMs) throw changed(path, expected)
  } finally {
    await handle.close()
  }
}

/** What is there now, up to one byte more than `expectedBytes`. Without leaving the thread: the way would take longer. */
function readSmallFile(path: string, expectedBytes: number): { bytes: Uint8Array; mtimeMs: number } {
  const file = openSync(path, FILE_FLAGS)
  try {
    const buffer = Buffer.allocUnsafeSlow(expectedBytes + 1)
    let filled = 0
    for (let read = -1; read !== 0 && filled < buffer.length; filled += read) {
      read = readSync(file, buffer, filled, buffer.length - filled, filled)
    }
    return { bytes: buffer.subarray(0, filled), mtimeMs: fstatSync(file).mtimeMs }
  } finally {
    closeSync(file)
  }
}

function changed(path: string, { size }: Pick<Stats, 'size'>): Error {
  return cliError('INPUT_CHANGED', `${printable(path)} changed while it was read: it had ${size} bytes`)
}

export function attributes(stats: Stats, { preserveMode, preserveMtime }: ReadOptions): EntryAttributes {
  return {
    ...(preserveMode && { mode: stats.mode & PERMISSION_BITS }),
    ...(preserveMtime && { mtimeMs: Math.trunc(stats.mtimeMs) }),
  }
}

/** Names in byte order, as trees and other tools sort them. */
async function sortedNames(directory: string): Promise<string[]> {
  const names = await readable(directory, () => readdir(directory, { encoding: 'buffer' }))
  return names.sort(Buffer.compare).map(name => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name)
    } catch {
      const shown = printable(name.toString('latin1'))
      throw cliError('INPUT_UNSUPPORTED', `the name ${shown} in ${printable(directory)} is not UTF-8`)
    }
  })
}

export async function readable<T>(path: string, read: (path: string) => Promise<T>): Promise<T> {
  return read(path).catch(error => {
    throw cliError('INPUT_UNREADABLE', `can't read ${printable(path)}: ${systemReason(error)}`, {
      cause: error,
    })
  })
}
