import type { Command } from 'commander'
import { isSkepError } from '../../errors.ts'
import type { Plugin } from '../../plugin.ts'
import { type Context, contextOf, examples, type Parts, print, printAll } from '../context.ts'
import { runsHere } from '../here.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'
import { addSettingsOptions, configOption, loadSettings, type SettingsOptions } from '../settings.ts'

interface Setting {
  readonly key: string
  readonly value: unknown
  /** The value as a file would have it. */
  readonly text: string
  readonly origin: string
}

export function define(command: Command, parts: Parts): void {
  command.addHelpText(
    'after',
    examples('skep config show --origin', 'skep config check config.yaml', 'skep config docs > SETTINGS.md'),
  )
  defineShow(command.command('show'), parts)
  defineCheck(command.command('check'), parts)
  defineDocs(command.command('docs'), parts)
}

function defineShow(command: Command, parts: Parts): void {
  addSettingsOptions(
    runsHere(command, 'reads the settings here, unless with --running', { except: 'running' }),
  )
    .description('print every setting that a start with these options would have')
    .option('--origin', 'say where each value comes from')
    .option('--running', 'ask the running node instead')
    .addHelpText(
      'after',
      examples('skep config show --origin --profile pi-zero', 'skep config show --running'),
    )
    .action(async (options: SettingsOptions & { origin?: boolean; running?: boolean }) => {
      const context = contextOf(command)
      const settings = options.running
        ? await runningSettings(context)
        : await settingsOf(context, options, parts)
      printAll(context, settings, () =>
        settings
          .filter(({ value }) => value !== undefined)
          .map(({ key, text, origin }) => `${key}: ${text}${options.origin ? `  # ${origin}` : ''}`)
          .join('\n'),
      )
    })
}

async function runningSettings(context: Context): Promise<readonly Setting[]> {
  const client = await nodeClient(context)
  return client.get<readonly Setting[]>('config')
}

async function settingsOf(context: Context, options: SettingsOptions, parts: Parts): Promise<Setting[]> {
  const { describeOrigin } = await import('../../config/source.ts')
  const config = await loadSettings(context, options, parts)
  return config
    .entries()
    .map(({ key, value, text, origin }) => ({ key, value, text, origin: describeOrigin(origin) }))
}

function defineCheck(command: Command, parts: Parts): void {
  runsHere(command, 'reads a file here')
    .description('say what is wrong with a settings file')
    .argument('<file>', 'settings file, in YAML', notEmpty)
    .addHelpText('after', examples('skep config check config.yaml && skep start --config config.yaml'))
    .action(async (file: string) => {
      const context = contextOf(command)
      await loadSettings(context, { config: file }, parts)
      print(context, { file, valid: true }, () => `${file} is valid`)
    })
}

function defineDocs(command: Command, parts: Parts): void {
  const { catalogue } = parts
  runsHere(command, 'tells of the program here')
    .description('print all keys as Markdown, those of plugins of your own that the settings name as well')
    .addOption(configOption())
    .addHelpText('after', examples('skep config docs > SETTINGS.md', 'skep config docs --config config.yaml'))
    .action(async (options: Pick<SettingsOptions, 'config'>) => {
      const context = contextOf(command)
      const [{ configDocs }, { createPluginLoader }] = await Promise.all([
        import('../../config/docs.ts'),
        import('../../config/load-plugin.ts'),
      ])
      const load = createPluginLoader(catalogue)
      const plugins = await Promise.all(
        Object.keys(catalogue).map(name => load(name, undefined, process.cwd())),
      )
      const markdown = configDocs([...plugins, ...(await ownPlugins(context, options, parts))])
      print(context, { markdown }, () => markdown.trimEnd())
    })
}

/** Of settings that don't hold there are none: their keys are what one looks up to correct them. */
async function ownPlugins(
  context: Context,
  { config }: Pick<SettingsOptions, 'config'>,
  parts: Parts,
): Promise<Plugin[]> {
  try {
    const options = config === undefined ? {} : { config }
    const { plugins } = await loadSettings(context, options, parts)
    return plugins.filter(({ module }) => module !== undefined).map(({ plugin }) => plugin)
  } catch (error) {
    if (!isSkepError(error, 'CONFIG_INVALID')) throw error
    process.stderr.write(`plugins of your own are left out: ${error.message}\n`)
    return []
  }
}
