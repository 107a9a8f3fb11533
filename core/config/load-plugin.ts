import { messageOf, type SkepError } from '../errors.ts'
import type { Plugin } from '../plugin.ts'
import { configError } from './errors.ts'
import { fragmentFault } from './fragment.ts'
import { nearest } from './nearest.ts'
import { importPluginModule } from './plugin-module.ts'
import type { SchemaTree } from './schema.ts'

/** The plugins that come with skep: name -> literal import. */
export type Catalogue = Readonly<Record<string, () => Promise<{ readonly default: unknown }>>>

/**
 * Brings a plugin by its config name. `module`: where a third-party one is, a path or a package as seen from
 * `baseDirectory`.
 *
 * @throws SkepError PLUGIN_UNKNOWN, PLUGIN_INVALID
 */
export type LoadPlugin = (name: string, module: string | undefined, baseDirectory: string) => Promise<Plugin>

export function createPluginLoader(catalogue: Catalogue): LoadPlugin {
  return async (name, module, baseDirectory) => {
    const exported = module ? await importModule(module, baseDirectory) : await importBuiltIn(name, catalogue)
    const fault = pluginFault(exported, name)
    if (fault) throw configError('PLUGIN_INVALID', `plugin "${name}": ${fault}`)
    return exported as Plugin
  }
}

async function importBuiltIn(name: string, catalogue: Catalogue): Promise<unknown> {
  const load = Object.hasOwn(catalogue, name) ? catalogue[name] : undefined
  if (load) return (await load()).default
  throw unknownPlugin(name, Object.keys(catalogue))
}

/** The error of a plugin that is none of `names`, which come with skep. */
export function unknownPlugin(name: string, names: readonly string[]): SkepError {
  const near = nearest(name, names)
  const hint = near ? `; did you mean ${near}?` : ''
  return configError(
    'PLUGIN_UNKNOWN',
    `no plugin "${name}" comes with skep (it has ${names.join(', ')})${hint}`,
  )
}

async function importModule(module: string, baseDirectory: string): Promise<unknown> {
  try {
    return (await importPluginModule(module, baseDirectory)).default
  } catch (error) {
    const message = `module "${module}", as seen from ${baseDirectory}, does not load: ${messageOf(error)}`
    throw configError('PLUGIN_INVALID', message, { cause: error })
  }
}

/** Why the host couldn't use it. Whether it is a good plugin is for the conformance suite to say. */
function pluginFault(exported: unknown, name: string): string | undefined {
  if (!isObject(exported)) return 'expected a default export made by definePlugin'
  const { manifest, schema, metrics, register, validate } = exported
  if (!isObject(manifest)) return 'expected a manifest'
  if (manifest.name !== name)
    return `its manifest says "${manifest.name}", so its config belongs under plugins.${manifest.name}`
  if (typeof manifest.version !== 'string') return 'expected manifest.version to be text'
  const badList = ['requires', 'wants', 'provides'].find(list => !isTokenList(manifest[list]))
  if (badList) return `expected manifest.${badList} to be a list of tokens`
  if (typeof metrics !== 'function') return 'expected metrics to be a function'
  if (typeof register !== 'function') return 'expected register to be a function'
  if (validate !== undefined && typeof validate !== 'function') return 'expected validate to be a function'
  return isObject(schema) ? fragmentFault(schema as SchemaTree) : 'expected a schema'
}

function isTokenList(value: unknown): boolean {
  return Array.isArray(value) && value.every(token => typeof token === 'symbol')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
