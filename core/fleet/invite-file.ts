import { open, readFile, rm, stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { fleetError } from './errors.ts'

/** An invite has a few hundred bytes. */
const MAX_FILE_BYTES = 4096
const FIRST_WAIT_MS = 5000
/** The network of a board, or the board that invites, may be up hours later. */
const MAX_WAIT_MS = 5 * 60_000

export interface InviteFileOptions {
  readonly path: string
  readonly signal: AbortSignal
}

export interface InviteFileDependencies {
  /** Joins by the text of an invite. */
  join(text: string, signal: AbortSignal): Promise<void>
  readonly log: Logger
}

/**
 * Joins by the invite in a file, where there is one, as often as it takes to reach who made it; then erases the file. Never
 * throws: a node runs without a fleet, too.
 */
export async function useInviteFile(
  { path, signal }: InviteFileOptions,
  { join, log }: InviteFileDependencies,
): Promise<void> {
  for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    try {
      const text = await readInvite(path)
      if (text === undefined) return
      await join(text, signal)
      log.info({ path }, 'joined the fleet by the invite in a file')
      return await eraseOrTell(path, log)
    } catch (error) {
      if (signal.aborted) return
      if (isSkepError(error, 'INVITE_REFUSED')) {
        log.error({ err: error, path }, 'the invite in a file was refused')
        // It opens nothing any more.
        return await eraseOrTell(path, log)
      }
      if (!isSkepError(error, 'INVITER_UNREACHABLE')) {
        log.error({ err: error, path }, 'the invite in a file cannot be used')
        return
      }
      log.warn({ err: error, path, waitMs }, 'the invite in a file will be tried again')
      await wait(waitMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }
}

async function readInvite(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    if (size > MAX_FILE_BYTES)
      throw fleetError('INVITE_INVALID', `${path} has ${size} bytes: this is no invite`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (isSkepError(error)) throw error
    throw fleetError('INVITE_INVALID', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** A service may well be able to read a boot partition, and not to write it. */
async function eraseOrTell(path: string, log: Logger): Promise<void> {
  await erase(path).catch(err =>
    log.error({ err, path }, 'the used invite in a file cannot be erased: delete it'),
  )
}

/** Overwritten before it is deleted: on FAT a deleted file is there for whoever looks at the card. */
async function erase(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    await file.write(Buffer.alloc(size), 0, size, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await rm(path)
}
