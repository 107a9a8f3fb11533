import { access, constants, mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cliError } from './errors.ts'
import { systemReason } from './system-reason.ts'

/** Identity and pins are the owner's business. */
const OWNER_ONLY = 0o700

const MARKER = '.skep-volume'

const MARKER_TEXT = `This directory holds the data of a skep node. Where storage.requireMarker is set, the node starts only
while this file is here: beneath an empty mount point it is missing.
`

export interface DataDirectoryOptions {
  /** Make nothing, and refuse a directory without the marker: its disk may not be mounted. */
  readonly requireMarker: boolean
}

/**
 * Makes the directory where it is missing. One that is there keeps its permissions.
 * @throws SkepError DATA_DIRECTORY_INVALID, VOLUME_MISSING
 */
export async function ensureDataDirectory(
  directory: string,
  { requireMarker }: DataDirectoryOptions,
): Promise<void> {
  if (requireMarker) await checkMarker(directory)
  await usable(directory, async () => {
    await makeDirectory(directory, OWNER_ONLY)
    if (!(await stat(directory)).isDirectory()) throw new Error('it is not a directory')
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  })
}

/**
 * Puts the marker into the directory. Idempotent.
 * @throws SkepError DATA_DIRECTORY_INVALID
 */
export async function markVolume(directory: string): Promise<void> {
  await usable(directory, () => writeFile(join(directory, MARKER), MARKER_TEXT))
}

async function checkMarker(directory: string): Promise<void> {
  const marked = await access(join(directory, MARKER)).then(
    () => true,
    error => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw invalid(directory, error)
      return false
    },
  )
  if (!marked) throw cliError('VOLUME_MISSING', `there is no ${MARKER} in the data directory ${directory}`)
}

async function usable(directory: string, act: () => Promise<void>): Promise<void> {
  await act().catch(error => {
    throw invalid(directory, error)
  })
}

function invalid(directory: string, cause: unknown): Error {
  return cliError(
    'DATA_DIRECTORY_INVALID',
    `can't use the data directory ${directory}: ${systemReason(cause)}`,
    {
      cause,
    },
  )
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
