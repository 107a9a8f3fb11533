import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { link, lstat, mkdir, open, realpath, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { TreeEntry } from '../control/tar.ts'
import { isSkepError } from '../errors.ts'
import { printable } from '../printable.ts'
import { cliError } from './errors.ts'
import { systemReason } from './system-reason.ts'

/** Keeps the temporary name of a long one within the 255 bytes of a name: four bytes a character at most. */
const KEPT_CHARACTERS = 50

/** File systems without hard links (FAT, some network ones) say so with one of these. */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * Lets `write` make a file, directory or symlink at a temporary name beside `output`, and gives it its name when it is
 * whole and on disk: others see nothing of it or all of it. Where anything fails, nothing stays.
 *
 * Symlinks are treated as `cp` treats them: with `force` a file goes where the symlink leads, and the symlink stays; a
 * symlink replaces a symlink.
 *
 * @throws SkepError OUTPUT_EXISTS (unless `force`), OUTPUT_TYPE_DIFFERS, OUTPUT_FAILED, and whatever `write` throws
 */
export async function writeAtomically(
  output: string,
  { force }: { readonly force: boolean },
  write: (place: string) => Promise<void>,
): Promise<void> {
  const named = resolve(output)
  if (!force && (await exists(named))) throw taken(output)
  const led = force ? await realpath(named).catch(() => named) : named
  const temporary = siblingOf(led)
  let target = led
  try {
    await write(temporary)
    const made = await lstatIfThere(temporary)
    if (made?.isSymbolicLink()) target = named
    if (force && made) await checkReplaceable(output, typeOf(made))
    await writable(output, () => (force ? replace(temporary, target) : place(temporary, target)))
    await writable(output, () => syncDirectory(dirname(target)))
  } catch (error) {
    // Why it failed matters more than what could not be cleared away.
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw isSkepError(error, 'OUTPUT_FAILED') ? withName(error, temporary, output) : error
  }
}

/** Nobody knows the temporary name, which is gone. */
function withName({ message, cause }: Error, temporary: string, output: string): Error {
  return cliError('OUTPUT_FAILED', message.replaceAll(temporary, printable(output)), { cause })
}

/**
 * Replacing is for another version of the same thing. A file in place of a directory, or the other way round, is a mistake
 * that would cost a tree; one in place of a device, a pipe or a socket would cost what others need by that name.
 *
 * @throws SkepError OUTPUT_TYPE_DIFFERS
 */
export async function checkReplaceable(output: string, type: TreeEntry['type']): Promise<void> {
  const path = resolve(output)
  const found = await lstatIfThere(path)
  if (!found) return
  const isLink = found.isSymbolicLink()
  const there = isLink ? await stat(path).catch(() => undefined) : found
  const isOrdinary = !there || there.isFile() || there.isDirectory()
  const fits = type === 'directory' ? !isLink && there?.isDirectory() : there?.isFile()
  if (fits || (type === 'symlink' && isLink && isOrdinary)) return
  throw differs(output, `${isLink ? 'a symlink to ' : ''}${there ? kindOf(there) : 'nothing'}`, NAMED[type])
}

export function differs(output: string, there: string, here: string): Error {
  return cliError('OUTPUT_TYPE_DIFFERS', `${printable(output)} is ${there}, and the content is ${here}`)
}

const NAMED = { file: 'a file', directory: 'a directory', symlink: 'a symlink' } as const

function kindOf(stats: Stats): string {
  if (stats.isSocket()) return 'a socket'
  if (stats.isFIFO()) return 'a pipe'
  return stats.isFile() || stats.isDirectory() ? NAMED[typeOf(stats)] : 'a device'
}

function typeOf(stats: Stats): TreeEntry['type'] {
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'symlink' : 'file'
}

/** Moves to a name that nobody has, also where somebody takes it at this moment. */
async function place(temporary: string, target: string): Promise<void> {
  try {
    if ((await lstat(temporary)).isDirectory()) {
      // An empty directory of our own holds the name; a rename then replaces it.
      await mkdir(target)
      await rename(temporary, target).catch(async error => {
        await rmdir(target)
        throw error
      })
    } else {
      await link(temporary, target)
      await unlink(temporary)
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw taken(target)
    if (!NO_HARD_LINKS.has(code)) throw error
    if (await exists(target)) throw taken(target)
    await rename(temporary, target)
  }
}

/** Moves over what is there. A directory is first put aside, and put back where the move fails. */
async function replace(temporary: string, target: string): Promise<void> {
  if (!(await lstatIfThere(target))?.isDirectory()) return rename(temporary, target)
  const aside = siblingOf(target)
  await rename(target, aside)
  await rename(temporary, target).catch(async error => {
    await rename(aside, target)
    throw error
  })
  await rm(aside, { recursive: true })
}

function siblingOf(target: string): string {
  const name = [...basename(target)].slice(0, KEPT_CHARACTERS).join('')
  return join(dirname(target), `.${name}.skep-${randomBytes(4).toString('hex')}`)
}

async function exists(path: string): Promise<boolean> {
  return (await lstatIfThere(path)) !== undefined
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined)
}

export function taken(path: string): Error {
  return cliError('OUTPUT_EXISTS', `${printable(path)} exists`)
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Runs a file system call and says in the error what couldn't be written. */
export async function writable<T>(path: string, write: () => Promise<T>): Promise<T> {
  return write().catch(error => {
    if (isSkepError(error)) throw error
    throw cliError('OUTPUT_FAILED', `can't write ${printable(path)}: ${systemReason(error)}`, {
      cause: error,
    })
  })
}
