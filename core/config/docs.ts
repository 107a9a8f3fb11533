import { coreSchema, pluginKeys } from './core-schema.ts'
import { describeExpected, showValue } from './formats.ts'
import { keysOf, type SchemaKey, type SchemaTree } from './schema.ts'

/** A plugin as far as its documentation goes. */
export interface DocumentedPlugin {
  readonly manifest: { readonly name: string }
  readonly schema: object
}

/** Every key as Markdown: a table of the core's, one of what all plugins have, one for each plugin. */
export function configDocs(plugins: readonly DocumentedPlugin[]): string {
  return [
    section('Core', coreSchema, ''),
    section('Every plugin', pluginKeys, 'plugins.<name>'),
    ...plugins.map(({ manifest, schema }) =>
      section(`Plugin ${manifest.name}`, schema as SchemaTree, `plugins.${manifest.name}`),
    ),
  ].join('\n')
}

function section(title: string, schema: SchemaTree, prefix: string): string {
  const rows = Array.from(keysOf(schema, prefix), ([name, key]) => row(name, key))
  if (rows.length === 0) return `### ${title}\n\nNo keys of its own.\n`
  return [
    `### ${title}`,
    '',
    '| Key | Default | Takes | What it does |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function row(name: string, key: SchemaKey<unknown>): string {
  const shown = showValue(key, key.default)
  const cells = [`\`${name}\``, shown === '' ? 'none' : `\`${shown}\``, describeExpected(key), key.doc]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}
