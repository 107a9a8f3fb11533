import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CoreConfig } from '../../../config/core-schema.ts'
import type { Logger } from '../../../logger.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { Context, Parts } from '../../context.ts'
import { ensureDataDirectory } from '../../data-directory.ts'
import { cliError } from '../../errors.ts'
import { loadSettings, type SettingsOptions } from '../../settings.ts'

export interface StoppedStore {
  readonly directory: string
  readonly settings: CoreConfig['storage']
  readonly log: Logger
}

/**
 * The store of a node that doesn't run. Makes none where there is none.
 * @throws SkepError NODE_NOT_RUNNING
 */
export async function stoppedStore(
  context: Context,
  options: SettingsOptions,
  parts: Parts,
): Promise<StoppedStore> {
  const { dataDirectory: directory } = context
  if (!existsSync(join(directory, 'index'))) {
    throw cliError('NODE_NOT_RUNNING', `no node answers, and there is no store in ${directory}`)
  }
  const { core } = await loadSettings(context, options, parts)
  await ensureDataDirectory(directory, core.storage)
  const { createLogger } = await import('../../../logger.ts')
  return { directory, settings: core.storage, log: createLogger(core.log.level) }
}

/** Opens it, as a node would. The caller closes it. @throws SkepError STORAGE_LOCKED where a node uses it after all */
export async function openStopped({ directory, settings, log }: StoppedStore): Promise<Storage> {
  const { openStorage } = await import('../../../storage/open.ts')
  return openStorage({ directory, ...settings }, { log })
}
