import { type RegisterHooksOptions, registerHooks } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isSkepError, messageOf } from '../errors.ts'
import type { Plugin } from '../plugin.ts'
import { hostError } from './errors.ts'

/** What a plugin imports, wherever its file lies. */
const API = 'skep'
const apiUrl = new URL('../api.ts', import.meta.url).href

let apiMapped = false

/**
 * The plugin that is the default export of a module from outside this tree. `module` is an absolute path, a path that
 * begins with a dot and is relative to `directory`, or a package that can be imported from there. To it, and for as long
 * as the process lives, `skep` means this process's own API.
 *
 * @throws SkepError PLUGIN_MODULE_NOT_FOUND, PLUGIN_MODULE_INVALID
 */
export async function loadThirdParty(name: string, module: string, directory: string): Promise<Plugin> {
  if (!apiMapped) registerHooks({ resolve: resolveApi })
  apiMapped = true
  const where = `plugins.${name}.module (${module})`
  const plugin = await importDefault(where, module, directory)
  const problem = problemOf(plugin, name)
  if (problem) throw hostError('PLUGIN_MODULE_INVALID', `${where} ${problem}`)
  return plugin as Plugin
}

const resolveApi: RegisterHooksOptions['resolve'] = (specifier, context, next) =>
  specifier === API
    ? { url: apiUrl, format: 'module-typescript', shortCircuit: true }
    : next(specifier, context)

/** Imports as a file in `directory` would. */
async function importDefault(where: string, module: string, directory: string): Promise<unknown> {
  const isPath = isAbsolute(module) || module.startsWith('.')
  const entry = isPath ? pathToFileURL(resolve(directory, module)).href : module
  const parentURL = pathToFileURL(join(directory, 'plugins')).href
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== entry) return next(specifier, context)
      try {
        return next(entry, { ...context, parentURL })
      } catch (cause) {
        throw hostError('PLUGIN_MODULE_NOT_FOUND', `${where} is not to be found from ${directory}`, { cause })
      }
    },
  })
  try {
    const { default: plugin } = await import(entry)
    return plugin
  } catch (cause) {
    if (isSkepError(cause, 'PLUGIN_MODULE_NOT_FOUND')) throw cause
    throw hostError('PLUGIN_MODULE_INVALID', `${where} doesn't load: ${messageOf(cause)}`, { cause })
  } finally {
    hooks.deregister()
  }
}

/** Why the host can't use it; whether it is a good plugin is for the conformance suite to say. */
function problemOf(plugin: unknown, name: string): string | undefined {
  if (typeof plugin !== 'object' || plugin === null) return 'has no plugin as its default export'
  const { manifest, schema, metrics, register } = plugin as Partial<Plugin>
  if (!manifest || !schema) return 'lacks a manifest or a schema'
  if (typeof metrics !== 'function' || typeof register !== 'function') return 'lacks metrics() or register()'
  const lists = [manifest.requires, manifest.wants, manifest.provides]
  if (!lists.every(Array.isArray)) return 'lacks requires, wants or provides in its manifest'
  if (manifest.name !== name)
    return `is named ${manifest.name}: its config belongs under plugins.${manifest.name}`
  return undefined
}
