import { join } from 'node:path'
import type { Test } from 'tap'
import { ConfigError } from '../../../core/config/errors.ts'
import { type LoadedConfig, type LoadOptions, loadConfig } from '../../../core/config/load.ts'
import { createPluginLoader } from '../../../core/config/load-plugin.ts'
import honey from './honey-plugin.ts'

export const loadPlugin = createPluginLoader({ honey: async () => ({ default: honey }) })

/** The machine that `auto` makes `pi-zero` of. */
export const SMALL = { memoryBytes: 512 * 1024 ** 2, cores: 4 }

export interface Setting extends Partial<Omit<LoadOptions, 'userFile'>> {
  /** Texts of the files. */
  readonly defaults?: string
  readonly budgets?: string
  readonly user?: string
}

/** Loads a configuration of its own: the profile in effect is always `pi-zero`. */
export async function load(t: Test, { defaults, budgets, user, ...options }: Setting): Promise<LoadedConfig> {
  const directory = t.testdir({
    'default.yaml': defaults ?? 'plugins:\n  honey:\n',
    'user.yaml': user ?? '',
    profiles: { 'pi-zero.yaml': budgets ?? '' },
  })
  return loadConfig({
    env: {},
    set: [],
    machine: SMALL,
    loadPlugin,
    configDirectory: directory,
    userFile: join(directory, 'user.yaml'),
    ...options,
  })
}

/** What is wrong with a configuration: at least something must be. */
export async function errorOf(t: Test, setting: Setting): Promise<ConfigError> {
  const error = await load(t, setting).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (error instanceof ConfigError) return error
  throw new Error('expected a ConfigError', { cause: error })
}
