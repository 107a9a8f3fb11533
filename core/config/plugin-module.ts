import { stat } from 'node:fs/promises'
import { createRequire, registerHooks } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** What a plugin's module exports, as far as anybody cares. */
interface PluginModule {
  readonly default?: unknown
}

type Import = (url: string) => Promise<PluginModule>

/** Imports a third-party module, a path or a package, as a file in `baseDirectory` would. For it, `skep` is this process's API. */
export async function importPluginModule(module: string, baseDirectory: string): Promise<PluginModule> {
  imports ??= addModulesWithoutFile()
  const load = await imports
  return /^\.{0,2}\//.test(module)
    ? load(pathToFileURL(await entryOf(resolve(baseDirectory, module))).href)
    : importPackage(load, module, baseDirectory)
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
async function importPackage(load: Import, name: string, baseDirectory: string): Promise<PluginModule> {
  const parentURL = pathToFileURL(join(baseDirectory, 'config.yaml')).href
  // Node remembers what a name led to; this one says from where.
  const request = `skep-plugin:${encodeURIComponent(parentURL)}:${name}`
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === request ? next(name, { ...context, parentURL }) : next(specifier, context),
  })
  try {
    return await load(request)
  } finally {
    hooks.deregister()
  }
}

const API_URL = 'skep:api'
const IMPORT_URL = 'skep:import'

let imports: Promise<Import> | undefined

/**
 * Makes two modules that lie in no file, because inside an executable nothing does.
 *
 * `skep` is this process's own API, wherever the module that imports it lies: tokens are known by identity, so a second copy
 * of them would name no service. The other has an `import()` that reaches the disk; that of an executable doesn't.
 */
async function addModulesWithoutFile(): Promise<Import> {
  const api = await import('../api.ts')
  Object.defineProperty(globalThis, Symbol.for(API_URL), { value: api })
  const sources = new Map([
    [API_URL, `export const { ${Object.keys(api).join(', ')} } = globalThis[Symbol.for('${API_URL}')]`],
    [IMPORT_URL, 'export const load = url => import(url)'],
  ])
  registerHooks({
    resolve: (specifier, context, next) => {
      const url = specifier === 'skep' ? API_URL : specifier
      return sources.has(url) ? { url, shortCircuit: true } : next(specifier, context)
    },
    load: (url, context, next) => {
      const source = sources.get(url)
      return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true }
    },
  })
  return createRequire(process.execPath)(IMPORT_URL).load
}
