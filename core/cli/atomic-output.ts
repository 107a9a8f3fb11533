import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { link, lstat, mkdir, open, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
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
 * @throws SkepError OUTPUT_EXISTS (unless `force`), OUTPUT_TYPE_DIFFERS, OUTPUT_FAILED, and whatever `write` throws
 */
export async function writeAtomically(
  output: string,
  { force }: { readonly force: boolean },
  write: (place: string) => Promise<void>,
): Promise<void> {
  const target = resolve(output)
  if (!force && (await exists(target))) throw taken(output)
  const temporary = siblingOf(target)
  try {
    await write(temporary)
    const made = await lstatIfThere(temporary)
    if (force && made) await checkReplaceable(output, made.isDirectory())
    await writable(output, () => (force ? replace(temporary, target) : place(temporary, target)))
    await writable(output, () => syncDirectory(dirname(target)))
  } catch (error) {
    // Why it failed matters more than what could not be cleared away.
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw isSkepError(error, 'OUTPUT_FAILED') ? named(error, temporary, output) : error
  }
}

/** Nobody knows the temporary name, which is gone. */
function named({ message, cause }: Error, temporary: string, output: string): Error {
  return cliError('OUTPUT_FAILED', message.replaceAll(temporary, printable(output)), { cause })
}

/**
 * Replacing is for another version of the same thing. A file in place of a directory, or the other way round, is a mistake
 * that would cost a tree.
 *
 * @throws SkepError OUTPUT_TYPE_DIFFERS
 */
export async function checkReplaceable(output: string, isDirectory: boolean): Promise<void> {
  const found = await lstatIfThere(resolve(output))
  if (!found || found.isDirectory() === isDirectory) return
  const [there, here] = isDirectory ? ['no directory', 'a directory'] : ['a directory', 'no directory']
  throw cliError('OUTPUT_TYPE_DIFFERS', `${printable(output)} is ${there}, and the content is ${here}`)
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

function taken(path: string) {
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
