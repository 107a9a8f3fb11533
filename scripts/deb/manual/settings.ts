import { coreSchema, pluginKeys } from '../../../core/config/core-schema.ts'
import { envName } from '../../../core/config/env.ts'
import { describeExpected, showValue } from '../../../core/config/formats.ts'
import { createPluginLoader } from '../../../core/config/load-plugin.ts'
import { keysOf, type SchemaTree } from '../../../core/config/schema.ts'
import { catalogue } from '../../../plugins/catalogue.ts'
import { type Entry, heading, list, manualPage, paragraph, verbatim } from './roff.ts'

const EXAMPLE = `profile: pi-4
storage:
  maxBytes: 64GiB
plugins:
  discovery:
    bootstrap: [/dns4/example.org/tcp/4001/p2p/12D3KooW...]
  monitoring:
    enabled: false`

/** skep-config(5): every key of the core and of the plugins that come with skep, as their schemas have them. */
export async function settingsManual({
  version,
  date,
}: {
  readonly version: string
  readonly date: string
}): Promise<string> {
  const load = createPluginLoader(catalogue)
  const plugins = await Promise.all(Object.keys(catalogue).map(name => load(name, undefined, '.')))
  return manualPage({
    name: 'skep-config',
    section: 5,
    summary: 'settings of a skep node',
    version,
    date,
    body: [
      heading('DESCRIPTION'),
      paragraph(
        'A YAML file: `/etc/skep/config.yaml` for the service, `config.yaml` in the data directory for a node that you ' +
          'start yourself, or the one that `--config` names. Everything in it is optional. A setting counts as given by, ' +
          'each winning over the ones before: skep itself, the profile, this file, the environment, `--set`.',
      ),
      paragraph(
        'The variable of a key is its name in capitals with underscores: `storage.maxBytes` is ' +
          `\`${envName('storage.maxBytes')}\`. \`skep config check FILE\` says what is wrong with a file, ` +
          '`skep config show --origin` which value counts and why.',
      ),
      heading('EXAMPLE'),
      verbatim(EXAMPLE),
      heading('SETTINGS'),
      list(entriesOf(coreSchema, '')),
      heading('SETTINGS OF EVERY PLUGIN'),
      list(entriesOf(pluginKeys, 'plugins.<name>')),
      ...plugins.flatMap(({ manifest, schema }) => {
        const entries = entriesOf(schema as SchemaTree, `plugins.${manifest.name}`)
        return entries.length === 0
          ? []
          : [heading(`SETTINGS OF PLUGIN ${manifest.name.toUpperCase()}`), list(entries)]
      }),
      heading('SEE ALSO'),
      paragraph('skep(1)'),
    ],
  })
}

function entriesOf(schema: SchemaTree, prefix: string): Entry[] {
  return Array.from(keysOf(schema, prefix), ([term, key]) => {
    const value = showValue(key, key.default)
    return {
      term,
      text: `${key.doc}\nTakes ${describeExpected(key)}. ${value === '' ? '' : `Default: \`${value}\`.`}`.trim(),
    }
  })
}
