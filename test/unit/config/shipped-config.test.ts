import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { type LoadOptions, loadConfig } from '../../../core/config/load.ts'
import { createPluginLoader } from '../../../core/config/load-plugin.ts'
import { PROFILES, pickProfile } from '../../../core/config/profiles.ts'
import { catalogue } from '../../../plugins/catalogue.ts'

const GiB = 1024 ** 3
const config = join(import.meta.dirname, '../../../config')
const shipped: LoadOptions = {
  env: {},
  set: [],
  machine: { memoryBytes: GiB, cores: 4 },
  loadPlugin: createPluginLoader(catalogue),
}

t.test('every profile loads, with all that comes with skep', async t => {
  for (const profile of PROFILES) {
    const { plugins, core } = await loadConfig({ ...shipped, profile })
    t.strictSame(plugins.map(({ plugin }) => plugin.manifest.name).sort(), Object.keys(catalogue).sort())
    t.ok(core.storage.mapBytes > core.storage.maxBytes, `${profile}: small blocks alone may fill the store`)
  }
  t.strictSame((await readdir(join(config, 'profiles'))).sort(), PROFILES.map(name => `${name}.yaml`).sort())
})

t.test('a larger profile never has a smaller budget', async t => {
  const loaded = await Promise.all(PROFILES.map(profile => loadConfig({ ...shipped, profile })))
  for (const key of [
    'storage.maxBytes',
    'network.maxConnections',
    'network.lowConnections',
    'network.maxInboundPerSubnet',
    'network.maxDialsPerSecond',
    'network.maxPeers',
    'memory.transferBytes',
  ]) {
    const budgets = loaded.map(one => Number(one.entries().find(entry => entry.key === key)?.value))
    t.strictSame(
      budgets,
      budgets.toSorted((a, b) => a - b),
      key,
    )
  }
})

t.test('the example in default.yaml is the defaults', async t => {
  const text = await readFile(join(config, 'default.yaml'), 'utf8')
  const examples = text
    .slice(0, text.indexOf('# A plugin that is listed runs'))
    .split('\n')
    .map(line => line.replace(/^# (?= *(?:[a-zA-Z]+:|- ))/, ''))
    .join('\n')
  const configDirectory = t.testdir({ ...emptyConfig(), 'example.yaml': examples })
  const userFile = join(configDirectory, 'example.yaml')
  const given = await loadConfig({ ...shipped, configDirectory, userFile })
  const defaults = await loadConfig({ ...shipped, configDirectory })
  t.strictSame(given.core, defaults.core)
  // What has no default can't be shown as one.
  const keys = given.entries().flatMap(({ key, value }) => (value === undefined ? [] : [key]))
  t.strictSame(
    keys.filter(key => given.origin(key)?.layer !== 'user'),
    [],
    'and names every key of the core',
  )
})

function emptyConfig(): object {
  return { 'default.yaml': '', profiles: Object.fromEntries(PROFILES.map(name => [`${name}.yaml`, ''])) }
}

t.test('auto picks by memory and cores', async t => {
  const boards: readonly [name: string, memoryBytes: number, cores: number, profile: string][] = [
    ['Pi Zero 2 W', 0.42 * GiB, 4, 'pi-zero'],
    ['Pi 3, 1 GB', 0.89 * GiB, 4, 'pi-zero'],
    ['Pi 4, 2 GB', 1.8 * GiB, 4, 'pi-4'],
    ['Pi 4, 4 GB', 3.7 * GiB, 4, 'pi-5'],
    ['Pi 5, 8 GB', 7.8 * GiB, 4, 'pi-5'],
    ['Pi 5, 16 GB', 15.8 * GiB, 4, 'pi-5'],
    ['a server', 31 * GiB, 16, 'server'],
    ['a container with half a core of it', 31 * GiB, 0.5, 'pi-zero'],
    ['a container with 512 MiB of it', 0.5 * GiB, 16, 'pi-zero'],
  ]
  for (const [name, memoryBytes, cores, profile] of boards)
    t.equal(pickProfile({ memoryBytes, cores }), profile, name)
})

t.test('more machine never means a smaller profile', async () => {
  const machine = fc.record({ memoryBytes: fc.nat(32 * 1024).map(n => n * 1024 ** 2), cores: fc.nat(32) })
  fc.assert(
    fc.property(machine, machine, (a, b) => {
      const both = {
        memoryBytes: Math.max(a.memoryBytes, b.memoryBytes),
        cores: Math.max(a.cores, b.cores),
      }
      return PROFILES.indexOf(pickProfile(both)) >= PROFILES.indexOf(pickProfile(a))
    }),
  )
})
