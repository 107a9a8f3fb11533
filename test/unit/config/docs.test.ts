import t from 'tap'
import { coreSchema, pluginKeys } from '../../../core/config/core-schema.ts'
import { configDocs } from '../../../core/config/docs.ts'
import { keysOf } from '../../../core/config/schema.ts'
import honey from './honey-plugin.ts'

t.test('a table row for each key', async t => {
  const lines = configDocs([honey]).split('\n')
  const names = [
    ...keysOf(coreSchema),
    ...keysOf(pluginKeys, 'plugins.<name>'),
    ...keysOf(honey.schema as never, 'plugins.honey'),
  ].map(([name]) => name)
  const rows = lines.filter(line => line.startsWith('| `'))
  t.strictSame(
    rows.map(row => /^\| `([^`]+)`/.exec(row)?.[1]),
    names,
  )
  const separators = rows.map(row => row.replaceAll('\\|', '').match(/\|/g)?.length)
  t.ok(
    separators.every(count => count === 5),
    'no cell breaks its row',
  )
})

t.test('default, unit, range and doc', async t => {
  const docs = configDocs([honey])
  t.match(
    docs,
    '| `network.maxPeers` | `1000` | a whole number of peers, from 16 to 100000 | Peers remembered',
  )
  t.match(docs, '| `plugins.honey.maxBytes` | `1KiB` |')
  t.match(docs, 'How much \\| how heavy.')
  t.match(docs, '| `plugins.honey.store` | none | a path | Where to. |')
  t.match(docs, '### Plugin honey')
})

t.test('a plugin without keys says so', async t => {
  t.match(configDocs([{ manifest: { name: 'idle' }, schema: {} }]), '### Plugin idle\n\nNo keys of its own.')
})
