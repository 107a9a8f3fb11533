import { access, constants, mkdir, stat } from 'node:fs/promises'
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
    await mkdir(directory, { recursive: true, mode: OWNER_ONLY })
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
