import { constants } from 'node:fs'
import { type FileHandle, lutimes, mkdir, open, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { EntryAttributes } from '../content/content.ts'
import { isSafePath, type TreeEntry } from '../control/tar.ts'
import { printable } from '../printable.ts'
import { writable } from './atomic-output.ts'
import { cliError } from './errors.ts'

/** What an entry without a mode of its own gets; the umask narrows it. */
const FILE_MODE = 0o644
const DIRECTORY_MODE = 0o755

/** Set-id and sticky bits of content from elsewhere are not for this machine. */
const APPLIED_MODE_BITS = 0o777

/** Files being flushed at a time. Flushed together they share journal commits; each holds a descriptor. */
const MAX_FLUSHING = 8

export interface WrittenTree {
  readonly files: number
  readonly bytes: number
}

/**
 * Writes a file, symlink or tree to `place`, where nothing may be, and flushes it. The first entry is the root, with the
 * empty path; parents come before children.
 *
 * Nothing is written through a symlink: they are made when everything else is there, and every other name is new. Names
 * of directories and symlinks are kept until then.
 *
 * @throws SkepError OUTPUT_REFUSED for entries that would leave the tree, OUTPUT_FAILED, and whatever `entries` throws
 */
export async function writeTree(entries: AsyncIterable<TreeEntry>, place: string): Promise<WrittenTree> {
  const directories = new Map<string, EntryAttributes>()
  const symlinks: (TreeEntry & { type: 'symlink' })[] = []
  const flusher = createFlusher()
  let rootSeen = false
  let files = 0
  let bytes = 0
  try {
    for await (const entry of entries) {
      checkPlace(entry.path, rootSeen, directories)
      rootSeen = true
      const path = join(place, entry.path)
      if (entry.type === 'directory') {
        await writable(path, () => mkdir(path, { mode: DIRECTORY_MODE }))
        directories.set(entry.path, entry)
      } else if (entry.type === 'symlink') {
        symlinks.push(entry)
      } else {
        const handle = await writeFile(path, entry)
        await flusher.add(path, handle)
        files++
        bytes += entry.size
      }
    }
  } finally {
    await flusher.settled()
  }
  if (!rootSeen) throw cliError('OUTPUT_REFUSED', 'the node sent nothing')
  flusher.throwIfFailed()
  for (const { path, target, mtimeMs } of symlinks) await writeSymlink(join(place, path), target, mtimeMs)
  // Children first: a parent's times change while its children are written.
  for (const [path, attributes] of [...directories].reverse())
    await finishDirectory(join(place, path), attributes)
  return { files, bytes }
}

function checkPlace(path: string, rootSeen: boolean, directories: ReadonlyMap<string, unknown>): void {
  const refuse = (reason: string): never => {
    throw cliError('OUTPUT_REFUSED', `the entry ${printable(path) || '(root)'} ${reason}`)
  }
  if (!rootSeen) {
    if (path !== '') refuse('comes before the root of its tree')
    return
  }
  if (!isSafePath(path)) refuse('would leave the tree')
  const parent = dirname(path)
  if (!directories.has(parent === '.' ? '' : parent)) refuse('is in no directory of the tree')
}

/** Resolves with the open file, complete but for its flush. */
async function writeFile(path: string, entry: TreeEntry & { type: 'file' }): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const handle = await writable(path, () => open(path, flags, FILE_MODE))
  try {
    for await (const chunk of entry.bytes()) await writable(path, () => handle.writeFile(chunk))
    await writable(path, () => applyAttributes(handle, entry))
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function writeSymlink(path: string, target: string, mtimeMs: number | undefined): Promise<void> {
  await writable(path, () => symlink(target, path))
  if (mtimeMs !== undefined) await writable(path, () => lutimes(path, seconds(mtimeMs), seconds(mtimeMs)))
}

async function finishDirectory(path: string, attributes: EntryAttributes): Promise<void> {
  await writable(path, async () => {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      await applyAttributes(handle, attributes)
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}

async function applyAttributes(handle: FileHandle, { mode, mtimeMs }: EntryAttributes): Promise<void> {
  if (mode !== undefined) await handle.chmod(mode & APPLIED_MODE_BITS)
  if (mtimeMs !== undefined) await handle.utimes(seconds(mtimeMs), seconds(mtimeMs))
}

/** A double of seconds is up to a quarter of a microsecond off, and cut down: half of one keeps the millisecond. */
function seconds(milliseconds: number): number {
  return milliseconds / 1000 + 0.5e-6
}

/** Flushes and closes files behind the writer's back, a few at a time. */
function createFlusher() {
  const flushing = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  const throwIfFailed = (): void => {
    if (failure) throw failure.error
  }
  return {
    throwIfFailed,
    async add(path: string, handle: FileHandle): Promise<void> {
      const flush = writable(path, () => handle.sync().finally(() => handle.close()))
        .catch(error => {
          failure ??= { error }
        })
        .finally(() => flushing.delete(flush))
      flushing.add(flush)
      if (flushing.size >= MAX_FLUSHING) await Promise.race(flushing)
      throwIfFailed()
    },
    async settled(): Promise<void> {
      await Promise.all(flushing)
    },
  }
}
