import { stat } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf } from '../errors.ts'
import type { Plugin } from '../plugin.ts'
import { configError } from './errors.ts'
import { fragmentFault } from './fragment.ts'
import { nearest } from './nearest.ts'
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
  const names = Object.keys(catalogue)
  const near = nearest(name, names)
  const hint = near ? `; did you mean ${near}?` : ''
  throw configError(
    'PLUGIN_UNKNOWN',
    `no plugin "${name}" comes with skep (it has ${names.join(', ')})${hint}`,
  )
}

async function importModule(module: string, baseDirectory: string): Promise<unknown> {
  shareApi()
  try {
    const imported = /^\.{0,2}\//.test(module)
      ? await import(pathToFileURL(await entryOf(resolve(baseDirectory, module))).href)
      : await importPackage(module, baseDirectory)
    return imported.default
  } catch (error) {
    const message = `module "${module}", as seen from ${baseDirectory}, does not load: ${messageOf(error)}`
    throw configError('PLUGIN_INVALID', message, { cause: error })
  }
}

/** A folder stands for its `index.ts` or `index.js`. */
async function entryOf(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return path
  const index = join(path, 'index.ts')
  return (await stat(index).catch(() => undefined)) ? index : join(path, 'index.js')
}

/**
 * Imports a package as a file in `baseDirectory` would. Node has no call for that (`import.meta.resolve` knows one parent,
 * `require.resolve` misses packages made for `import` alone), hence a hook for the length of one import.
 */
async function importPackage(name: string, baseDirectory: string): Promise<{ default?: unknown }> {
  const parentURL = pathToFileURL(join(baseDirectory, 'config.yaml')).href
  // Node remembers what a name led to; this one says from where.
  const request = `skep-plugin:${encodeURIComponent(parentURL)}:${name}`
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === request ? next(name, { ...context, parentURL }) : next(specifier, context),
  })
  try {
    return await import(request)
  } finally {
    hooks.deregister()
  }
}

const API_URL = new URL('../api.ts', import.meta.url).href

let apiShared = false

/**
 * From here on `skep` means this process's own API, wherever the module that imports it lies: tokens are known by identity,
 * so a second copy of them would name no service.
 */
function shareApi(): void {
  if (apiShared) return
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'skep' ? next(API_URL, context) : next(specifier, context),
  })
  apiShared = true
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
