import { controlProblems } from '../control/config.ts'
import { messageOf } from '../errors.ts'
import type { Plugin } from '../plugin.ts'
import { assemble } from './assemble.ts'
import { type CoreConfig, coreSchema, type OnFailure, type PluginKeys, pluginKeys } from './core-schema.ts'
import { ConfigError, type ConfigProblem } from './errors.ts'
import { describeExpected, showValue } from './formats.ts'
import { type LayerOptions, type Layers, readLayers } from './layers.ts'
import { type LoadPlugin, unknownPlugin } from './load-plugin.ts'
import type { Profile } from './profiles.ts'
import type { Reading } from './reader.ts'
import { keysOf, type SchemaTree } from './schema.ts'
import type { Origin } from './source.ts'

export interface LoadOptions extends LayerOptions {
  readonly loadPlugin: LoadPlugin
  /** Those that come with skep. Disabled ones aren't loaded: this tells which of them are none at all. Default: not told. */
  readonly builtIn?: readonly string[]
}

/** An enabled plugin and its config. */
export interface LoadedPlugin {
  readonly plugin: Plugin
  /** The plugin's own keys. */
  readonly config: object
  readonly onFailure: OnFailure
  /** Where a third-party plugin came from. */
  readonly module: string | undefined
}

/** A configuration that holds. Frozen to the leaves. */
export interface LoadedConfig {
  readonly core: CoreConfig
  /** Those enabled, by name. */
  readonly plugins: readonly LoadedPlugin[]
  /** Names of those listed but disabled; they aren't loaded. */
  readonly disabled: readonly string[]
  /** The one in effect: what `auto` picked. */
  readonly profile: Profile
  /** Where a key's value comes from; undefined where there is no such key. */
  origin(key: string): Origin | undefined
  /** Every key, in the order of the schema. */
  entries(): ConfigEntry[]
}

/** One key as `skep config show` tells it. */
export interface ConfigEntry {
  readonly key: string
  readonly value: unknown
  /** The value as one would write it in a file; empty where there is none. */
  readonly text: string
  readonly origin: Origin
  readonly doc: string
  /** What the key takes, with unit and range. */
  readonly expected: string
}

/** The shape of what convict assembles: plugin configs hold their common keys too. */
interface AssembledConfig extends CoreConfig {
  readonly plugins: Readonly<Record<string, PluginKeys & Readonly<Record<string, unknown>>>>
}

/** @throws ConfigError with everything that is wrong, at once */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const layers = await readLayers(options)
  const names = layers.namesIn('plugins').filter(isPluginName).sort()
  const common = layers.read(schemaOf(names, new Map()), names.map(sectionOf))
  const disabled = names.filter(name => common.values.get(`${sectionOf(name)}.enabled`)?.value === false)
  const enabled = names.filter(name => !disabled.includes(name))
  const { plugins, problems: unloaded } = await loadPlugins(enabled, common, layers, options.loadPlugin)

  const schema = schemaOf(names, plugins)
  const unknown = names.filter(name => !plugins.has(name)).map(sectionOf)
  const { values, problems: unread } = layers.read(schema, unknown)
  const unheardOf = unknownProblems(disabled, common, layers, options.builtIn)
  const problems = [...layers.problems, ...unloaded, ...unheardOf, ...unread]
  const { plugins: sections, ...core } = assemble(schema, values) as AssembledConfig
  const loaded = Array.from(plugins, ([name, plugin]) => loadedPlugin(plugin, sections[name] as PluginKeys))
  problems.push(...refusedControl(core.control, problems, key => values.get(key)?.origin))
  problems.push(...loaded.flatMap(plugin => validationProblems(plugin, problems, layers)))
  if (problems.length > 0) throw new ConfigError(problems)

  const keys = new Map(keysOf(schema))
  const originOf = (key: string): Origin => values.get(key)?.origin ?? { layer: 'schema' }
  return Object.freeze({
    core: Object.freeze(core),
    plugins: Object.freeze(loaded),
    disabled: Object.freeze(disabled),
    profile: layers.profile,
    origin: (key: string) => (keys.has(key) ? originOf(key) : undefined),
    entries: () =>
      Array.from(keys, ([name, key]) => {
        const value = values.has(name) ? values.get(name)?.value : key.default
        const { doc } = key
        const origin = originOf(name)
        return { key: name, value, text: showValue(key, value), origin, doc, expected: describeExpected(key) }
      }),
  })
}

/** Loads `file` as the user's, without environment and options: what `skep config check` answers. @throws ConfigError */
export function checkConfig(
  file: string,
  options: Pick<LoadOptions, 'machine' | 'loadPlugin' | 'configDirectory'>,
): Promise<LoadedConfig> {
  return loadConfig({ ...options, userFile: file, env: {}, set: [] })
}

/** kebab-case, and no name that every object has already. Other names under `plugins` are no keys. */
function isPluginName(name: string): boolean {
  return /^[a-z][a-z0-9-]*$/.test(name) && !(name in Object.prototype)
}

function sectionOf(name: string): string {
  return `plugins.${name}`
}

/** The whole schema. A plugin that isn't loaded has what all plugins have. */
function schemaOf(names: readonly string[], plugins: ReadonlyMap<string, Plugin>): SchemaTree {
  const sections = names.map(name => [name, { ...pluginKeys, ...plugins.get(name)?.schema }] as const)
  return { ...coreSchema, plugins: Object.fromEntries(sections) }
}

async function loadPlugins(
  names: readonly string[],
  { values }: Reading,
  layers: Layers,
  loadPlugin: LoadPlugin,
): Promise<{ plugins: Map<string, Plugin>; problems: ConfigProblem[] }> {
  const plugins = new Map<string, Plugin>()
  const problems: ConfigProblem[] = []
  for (const name of names) {
    const key = sectionOf(name)
    const module = values.get(`${key}.module`)
    try {
      const from = module?.value as string | undefined
      plugins.set(name, await loadPlugin(name, from, module?.baseDirectory ?? ''))
    } catch (error) {
      const origin = module?.origin ?? layers.placeOf(key)
      problems.push({ kind: 'plugin', key, origin, message: messageOf(error) })
    }
  }
  return { plugins, problems }
}

/** Names with neither a plugin of skep nor a module behind them: most likely the one that was meant runs on. */
function unknownProblems(
  names: readonly string[],
  { values }: Reading,
  layers: Layers,
  builtIn: readonly string[] | undefined,
): ConfigProblem[] {
  if (!builtIn) return []
  return names
    .filter(name => !builtIn.includes(name) && !values.has(`${sectionOf(name)}.module`))
    .map(name => {
      const key = sectionOf(name)
      return {
        kind: 'plugin',
        key,
        origin: layers.placeOf(key),
        message: unknownPlugin(name, builtIn).message,
      }
    })
}

function loadedPlugin(plugin: Plugin, section: PluginKeys): LoadedPlugin {
  const { enabled: _, onFailure, module, ...config } = section
  return Object.freeze({ plugin, config: Object.freeze(config), onFailure, module })
}

/** What the control API's own check says of keys that hold by themselves. */
function refusedControl(
  config: CoreConfig['control'],
  found: readonly ConfigProblem[],
  originOf: (key: string) => Origin | undefined,
): ConfigProblem[] {
  if (found.some(problem => problem.key?.startsWith('control.'))) return []
  return controlProblems(config).map(({ key, message }) => {
    const origin = originOf(`control.${key}`)
    return { kind: 'range', key: `control.${key}`, ...(origin && { origin }), message }
  })
}

/** What the plugin's own check says, unless one of its keys is wrong already. */
function validationProblems(
  { plugin, config }: LoadedPlugin,
  found: readonly ConfigProblem[],
  layers: Layers,
): ConfigProblem[] {
  const key = sectionOf(plugin.manifest.name)
  if (found.some(problem => problem.key?.startsWith(`${key}.`))) return []
  try {
    plugin.validate?.(config)
    return []
  } catch (error) {
    return [{ kind: 'plugin', key, origin: layers.placeOf(key), message: messageOf(error) }]
  }
}
