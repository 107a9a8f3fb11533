import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { createPluginLoader } from '../../../core/config/load-plugin.ts'
import { Cache } from '../../../core/services/cache.ts'
import honey from './honey-plugin.ts'

const load = createPluginLoader({ honey: async () => ({ default: honey }) })

/** A plugin as a stranger would write it. `manifest` and `more` are source text. */
const source = (manifest = '', more = '') => `
  import { Cache, definePlugin } from 'skep'
  export default definePlugin({
    manifest: { name: 'wax', version: '1.0.0', requires: [Cache], wants: [], provides: [], ${manifest} },
    schema: { cells: { doc: 'How many.', format: 'integer', default: 6 } },
    metrics: () => ({}),
    register: () => ({ start: async () => {}, stop: async () => {}, health: () => ({ status: 'ok' }) }),
    ${more}
  })`

/** `testdir` is beneath this repository, whose own name is `skep`: these must load from elsewhere too. */
async function outside(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = t.testdir({})
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  return directory
}

t.test('what comes with skep is found by name', async t => {
  t.equal(await load('honey', undefined, '/'), honey)
  await t.rejects(load('huney', undefined, '/'), {
    code: 'PLUGIN_UNKNOWN',
    message: 'no plugin "huney" comes with skep (it has honey); did you mean honey?',
  })
  await t.rejects(load('hasOwnProperty', undefined, '/'), { code: 'PLUGIN_UNKNOWN' })
})

t.test('a third-party plugin by path: a file, or a folder with an index', async t => {
  const directory = await outside(t, {
    'wax.ts': source(),
    'typed/index.ts': `${source()} satisfies object`,
    'plain/index.js': source(),
  })
  for (const module of ['./wax.ts', join(directory, 'wax.ts'), './typed', './plain'])
    t.equal((await load('wax', module, directory)).manifest.name, 'wax', module)
})

t.test('a third-party plugin by package name, as seen from the file that names it', async t => {
  const manifest = JSON.stringify({ name: 'skep-wax', type: 'module', exports: { import: './main.js' } })
  const directory = await outside(t, {
    'a/node_modules/skep-wax/package.json': manifest,
    'a/node_modules/skep-wax/main.js': source("version: '1.0.0-a'"),
    'b/node_modules/skep-wax/package.json': manifest,
    'b/node_modules/skep-wax/main.js': source("version: '1.0.0-b'"),
  })
  t.equal((await load('wax', 'skep-wax', join(directory, 'a'))).manifest.version, '1.0.0-a')
  t.equal((await load('wax', 'skep-wax', join(directory, 'b'))).manifest.version, '1.0.0-b')
  await t.rejects(load('wax', 'skep-wax', directory), {
    code: 'PLUGIN_INVALID',
    message: /^module "skep-wax", as seen from .* does not load: Cannot find package 'skep-wax'/,
  })
})

t.test('its tokens are those of this process', async t => {
  const directory = await outside(t, {
    'wax.js': source(),
    'node_modules/skep/package.json': JSON.stringify({ name: 'skep', type: 'module', exports: './other.js' }),
    'node_modules/skep/other.js':
      "export const Cache = Symbol('another'); export const definePlugin = x => x",
  })
  const plugin = await load('wax', './wax.js', directory)
  t.equal(plugin.manifest.requires[0], Cache)
})

t.test('what is no plugin is refused with what it lacks', async t => {
  const cases: readonly [text: string, reason: RegExp][] = [
    ['export const plugin = 1', /expected a default export made by definePlugin/],
    ['export default {}', /expected a manifest/],
    [source("name: 'comb'"), /its manifest says "comb", so its config belongs under plugins\.comb/],
    [source('version: 1'), /expected manifest\.version to be text/],
    [source("requires: ['cache']"), /expected manifest\.requires to be a list of tokens/],
    [source('provides: undefined'), /expected manifest\.provides to be a list of tokens/],
    [source('', 'metrics: undefined'), /expected metrics to be a function/],
    [source('', 'register: undefined'), /expected register to be a function/],
    [source('', 'validate: true'), /expected validate to be a function/],
    [source('', 'schema: undefined'), /expected a schema/],
    [source('', 'schema: { enabled: 1 }'), /its schema has "enabled", which every plugin has already/],
    [source('', 'schema: { a: 1 }'), /its schema's "a" is neither key nor section/],
    [source('', "schema: { a: { default: 1, format: 'integer' } }"), /its schema's key "a" has no doc/],
    [source('', "schema: { a: { doc: 'A.', default: 1, format: 'int' } }"), /"a" has no known format/],
    [
      source('', "schema: { s: { a: { doc: 'A.', default: 9, format: 'integer', max: 5 } } }"),
      /the default of "s\.a" isn't a whole number, at most 5/,
    ],
    [
      source('', 'schema: { constructor: {} }'),
      /key "constructor" isn't camelCase, or is a word of the language/,
    ],
    [source('', "schema: { 'a-b': {} }"), /key "a-b" isn't camelCase/],
    [source('', 'schema: (() => { const s = {}; s.s = s; return s })()'), /more than 8 levels deep/],
    ['throw new Error("no bees")', /does not load: no bees/],
    ['export default (', /does not load: /],
  ]
  for (const [index, [text, reason]] of cases.entries()) {
    const directory = await outside(t, { [`${index}.js`]: text })
    await t.rejects(load('wax', `./${index}.js`, directory), { code: 'PLUGIN_INVALID', message: reason })
  }
  await t.rejects(load('wax', './missing.js', '/nowhere'), { code: 'PLUGIN_INVALID', message: /ENOENT/ })
})
