import { access, constants, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'
import { cliError } from './errors.ts'

/** Identity and pins are the owner's business. */
const OWNER_ONLY = 0o700

/**
 * Makes the directory where it is missing. One that is there keeps its permissions.
 * @throws SkepError DATA_DIRECTORY_INVALID
 */
export async function ensureDataDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory, OWNER_ONLY)
    if (!(await stat(directory)).isDirectory()) throw new Error('it is not a directory')
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw cliError(
      'DATA_DIRECTORY_INVALID',
      `can't use the data directory ${directory}: ${messageOf(error)}`,
      {
        cause: error,
      },
    )
  }
}

/** As `mkdir -p`. Node's own never ends where the system refuses a name with ENOENT, as /proc does. */
async function makeDirectory(directory: string, mode?: number): Promise<void> {
  const make = () => mkdir(directory, mode)
  await make()
    .catch(async error => {
      if (error.code !== 'ENOENT' || dirname(directory) === directory) throw error
      await makeDirectory(dirname(directory))
      await make()
    })
    .catch(error => {
      if (error.code !== 'EEXIST') throw error
    })
}
