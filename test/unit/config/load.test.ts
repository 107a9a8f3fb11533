import { join } from 'node:path'
import t from 'tap'
import { type LoadedConfig, type LoadOptions, loadConfig } from '../../../core/config/load.ts'
import honey, { type HoneyConfig } from './honey-plugin.ts'
import { errorOf, load, loadPlugin, type Setting, SMALL } from './setting.ts'

function honeyOf(config: LoadedConfig): HoneyConfig {
  return config.plugins.find(({ plugin }) => plugin.manifest.name === 'honey')?.config as HoneyConfig
}

t.test('each layer wins over those before it', async t => {
  const layers: Setting = {
    defaults: 'network:\n  maxPeers: 101\nplugins:\n  honey:\n    maxBytes: 101\n',
    budgets: 'network:\n  maxPeers: 102\nplugins:\n  honey:\n    maxBytes: 102\n',
    user: 'network:\n  maxPeers: 103\nplugins:\n  honey:\n    maxBytes: 103\n',
    env: { SKEP_NETWORK_MAX_PEERS: '104', SKEP_PLUGINS_HONEY_MAX_BYTES: '104' },
    set: ['network.maxPeers=77', 'network.maxPeers=105', 'plugins.honey.maxBytes=105'],
  }
  const order = ['schema', 'defaults', 'budgets', 'user', 'env', 'set'] as const
  const expected = [1000, 101, 102, 103, 104, 105]
  const layerNames = ['schema', 'default', 'profile', 'user', 'env', 'set']

  for (const [top, layerName] of layerNames.entries()) {
    const present = order.slice(1, top + 1)
    const setting = Object.fromEntries(present.map(name => [name, layers[name as keyof Setting]]))
    const config = await load(t, setting)
    t.equal(config.core.network.maxPeers, expected[top], `core key from ${layerName}`)
    t.equal(config.origin('network.maxPeers')?.layer, layerName)
    t.equal(honeyOf(config).maxBytes, top === 0 ? 1024 : expected[top], `plugin key from ${layerName}`)
    t.equal(config.origin('plugins.honey.maxBytes')?.layer, layerName)
  }
})

t.test('origins name file and line, variable, option', async t => {
  const config = await load(t, {
    user: '# a comment\n\nstorage:\n  maxBytes: 1GiB\n',
    env: { SKEP_LOG_LEVEL: 'debug' },
    set: ['network.maxPeers=50'],
  })
  const file = join(t.testdirName, 'user.yaml')
  t.strictSame(config.origin('storage.maxBytes'), { layer: 'user', file, line: 4, column: 3 })
  t.strictSame(config.origin('log.level'), { layer: 'env', name: 'SKEP_LOG_LEVEL' })
  t.strictSame(config.origin('network.maxPeers'), { layer: 'set', name: 'network.maxPeers' })
  t.strictSame(config.origin('memory.transferBytes'), { layer: 'schema' })
  t.equal(config.origin('no.such.key'), undefined)
})

t.test('entries tell every key with its value as one would write it', async t => {
  const config = await load(t, { user: 'storage: { maxBytes: 1073741824 }' })
  const entries = new Map(config.entries().map(entry => [entry.key, entry]))
  t.match(entries.get('storage.maxBytes'), {
    value: 1024 ** 3,
    text: '1GiB',
    origin: { layer: 'user' },
    doc: /Disk/,
    expected: /^a size .*, from 16MiB/,
  })
  t.match(entries.get('plugins.honey.flight.speed'), { value: 6.5, expected: /metres a second, at least 0/ })
  t.match(entries.get('plugins.honey.enabled'), { value: true })
})

t.test('the result is frozen to the leaves', async t => {
  const config = await load(t, {})
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    t.ok(Object.isFrozen(value), path)
    for (const [name, inner] of Object.entries(value)) walk(inner, `${path}.${name}`)
  }
  walk(config.core, 'core')
  walk(honeyOf(config), 'honey')
  t.ok([config, config.plugins, config.disabled].every(Object.isFrozen))
  t.throws(() => Object.assign(config.core.network, { maxPeers: 1 }), TypeError)
})

t.test("a plugin's config holds its own keys alone", async t => {
  const config = await load(t, { user: 'plugins: { honey: { strategy: far, onFailure: abort } }' })
  t.strictSame(honeyOf(config), {
    maxBytes: 1024,
    lowBytes: 0,
    flowers: ['clover'],
    strategy: 'far',
    store: undefined,
    flight: { speed: 6.5 },
  })
  t.match(config.plugins, [{ plugin: honey, onFailure: 'abort', module: undefined }])
})

t.test('paths are relative to the file, or for text to the working directory', async t => {
  const fromFile = await load(t, { user: 'plugins: { honey: { store: jars } }' })
  t.equal(honeyOf(fromFile).store, join(t.testdirName, 'jars'))
  const fromText = await load(t, { set: ['plugins.honey.store=jars'], workingDirectory: '/srv' })
  t.equal(honeyOf(fromText).store, '/srv/jars')
})

t.test('a disabled plugin is not loaded, and its keys are let be', async t => {
  const config = await load(t, {
    user: 'plugins:\n  honey:\n    enabled: false\n    anything: goes\n',
    env: { SKEP_PLUGINS_HONEY_ANYTHING: 'goes' },
    loadPlugin: async name => t.fail(`${name} was loaded`) as never,
  })
  t.strictSame(config.plugins, [])
  t.strictSame(config.disabled, ['honey'])
  const { problems } = await errorOf(t, { user: 'plugins:\n  honey:\n    enabled: maybe\n' })
  t.match(problems, [{ kind: 'type', key: 'plugins.honey.enabled' }], 'what all plugins have is checked')
})

t.test('an option can list a plugin and take one away', async t => {
  const defaults = 'log:\n'
  const added = await load(t, { defaults, set: ['plugins.honey.maxBytes=1kB'] })
  t.equal(honeyOf(added).maxBytes, 1000)
  const removed = await load(t, { env: { SKEP_PLUGINS_HONEY_ENABLED: 'false' } })
  t.strictSame(removed.disabled, ['honey'])
})

t.test('the profile', async t => {
  const auto = await load(t, {})
  t.equal(auto.profile, 'pi-zero')
  t.equal(auto.core.profile, 'auto', 'what was asked for stays to be seen')

  const configDirectory = t.testdir({
    'default.yaml': 'profile: pi-4',
    'user.yaml': 'profile: pi-5',
    profiles: { 'pi-zero.yaml': '', 'pi-4.yaml': '', 'pi-5.yaml': '', 'server.yaml': 'log: { level: warn }' },
  })
  const options: LoadOptions = { env: {}, set: [], machine: SMALL, loadPlugin, configDirectory }
  const userFile = join(configDirectory, 'user.yaml')
  const env = { SKEP_PROFILE: 'server' }
  t.equal((await loadConfig(options)).profile, 'pi-4')
  t.equal((await loadConfig({ ...options, userFile })).profile, 'pi-5')
  t.equal((await loadConfig({ ...options, userFile, env })).profile, 'server')
  t.equal((await loadConfig({ ...options, userFile, env, set: ['profile=auto'] })).profile, 'pi-zero')
  const byOption = await loadConfig({ ...options, set: ['profile=auto'], profile: 'server' })
  t.equal(byOption.core.log.level, 'warn', 'its file is a layer')
  t.strictSame(byOption.origin('profile'), { layer: 'set', name: '--profile' })
})
