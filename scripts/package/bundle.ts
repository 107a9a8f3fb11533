import { resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { ROOT } from './settings.ts'

export interface Bundle {
  /** One CommonJS file. */
  readonly code: string
  /** Folders of the packages whose code it has, such as `node_modules/lmdb`, sorted. */
  readonly packageFolders: readonly string[]
}

/** lmdb finds its addon by this package. In an executable it is an asset. */
const ADDON_LOADER = 'node-gyp-build-optional-packages'

/**
 * The command line with every plugin of the catalogue, minified. What is imported dynamically stays dormant until then, and
 * lies within.
 */
export async function makeBundle(): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['core/cli/main.ts'],
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    // Errors and plugins go by the names of classes and functions.
    keepNames: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    legalComments: 'none',
    logLevel: 'warning',
    alias: { [ADDON_LOADER]: resolve(ROOT, 'core/executable/native-addon.ts') },
    plugins: [sealed],
    banner: { js: `const bundleUrl = require('node:url').pathToFileURL(process.execPath).href` },
    // Of no file: what would look beside itself for others has to be seen to one by one.
    define: { 'import.meta.url': 'bundleUrl', 'import.meta.dirname': 'undefined' },
  })
  const [file] = outputFiles
  if (!file) throw new Error('esbuild made nothing')
  const inputs = Object.values(metafile.outputs).flatMap(output => used(output.inputs))
  const folders = inputs.map(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
  return {
    code: file.text,
    packageFolders: [...new Set(folders.filter(folder => folder !== undefined))].sort(),
  }
}

/** What was imported and then found to be of no use is not there. */
function used(inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>): string[] {
  return Object.keys(inputs).filter(path => (inputs[path]?.bytesInOutput ?? 0) > 0)
}

/**
 * Packages that make a `require` of their own (lmdb; msgpackr, for an optional addon) get that of the executable, which knows
 * what Node has built in and nothing else: never a file that happens to lie in some node_modules above.
 */
const sealed: Plugin = {
  name: 'sealed',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?module$/ }, ({ importer }) =>
      importer.includes('/node_modules/') ? { path: 'module', namespace: 'sealed' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'sealed' }, () => ({
      contents: 'export const createRequire = () => require',
    }))
  },
}
