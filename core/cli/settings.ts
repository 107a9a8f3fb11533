import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import type { LoadedConfig } from '../config/load.ts'
import type { Context, Parts } from './context.ts'
import { collect, notEmpty } from './options.ts'

/** The settings of a node, as a command line gives them. */
export interface SettingsOptions {
  readonly profile?: string
  readonly config?: string
  readonly set?: readonly string[]
  readonly logLevel?: string
}

export const CONFIG_FILE = 'config.yaml'

export function addSettingsOptions(command: Command): Command {
  return command
    .option('--profile <name>', 'budgets to start from: auto, pi-zero, pi-4, pi-5, server')
    .addOption(configOption())
    .option('--set <key=value>', 'one setting; repeatable, and wins over the rest', collect)
    .option('--log-level <level>', 'fatal, error, warn, info, debug, trace or silent')
}

/** A settings file other than the one in the data directory. */
export function configOption(): Option {
  return new Option('--config <file>', `settings file (default: ${CONFIG_FILE} in --data, if there)`)
    .env('SKEP_CONFIG')
    .argParser(notEmpty)
}

/** @throws ConfigError with everything that is wrong, at once */
export async function loadSettings(
  { dataDirectory }: Pick<Context, 'dataDirectory'>,
  { profile, config, set = [], logLevel }: SettingsOptions,
  { catalogue }: Parts,
): Promise<LoadedConfig> {
  const [{ loadConfig }, { createPluginLoader }, { probeMachine }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/load-plugin.ts'),
    import('../resources/probe.ts'),
  ])
  const userFile = config ?? (await existing(join(dataDirectory, CONFIG_FILE)))
  return loadConfig({
    ...(userFile !== undefined && { userFile }),
    env: process.env,
    set,
    ...(logLevel !== undefined && { logLevel }),
    ...(profile !== undefined && { profile }),
    machine: await probeMachine(),
    loadPlugin: createPluginLoader(catalogue),
    builtIn: Object.keys(catalogue),
  })
}

/** A data directory that is none is told of when it is used. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

async function existing(path: string): Promise<string | undefined> {
  return access(path).then(
    () => path,
    error => (ABSENT.has(error.code) ? undefined : path),
  )
}
