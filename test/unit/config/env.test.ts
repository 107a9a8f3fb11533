import t from 'tap'
import { coreSchema, pluginKeys } from '../../../core/config/core-schema.ts'
import { envName, readEnv } from '../../../core/config/env.ts'
import { keysOf } from '../../../core/config/schema.ts'

t.test('a variable is its key in capitals, with _ before each word', async t => {
  t.equal(envName('storage.maxBytes'), 'SKEP_STORAGE_MAX_BYTES')
  t.equal(envName('network.maxInboundPerSecond'), 'SKEP_NETWORK_MAX_INBOUND_PER_SECOND')
  t.equal(envName('plugins.my-plugin.onFailure'), 'SKEP_PLUGINS_MY_PLUGIN_ON_FAILURE')
  t.equal(envName('plugins.nat.ip4.port'), 'SKEP_PLUGINS_NAT_IP4_PORT')
})

t.test('no two keys of the core share a variable', async t => {
  const names = [...keysOf({ ...coreSchema, plugins: { honey: pluginKeys } })].map(([key]) => envName(key))
  t.equal(new Set(names).size, names.length)
})

t.test('a variable that could mean two keys is refused, not guessed', async t => {
  const keys = ['plugins.a-b.c', 'plugins.a.bC']
  const { sources, problems } = readEnv({ SKEP_PLUGINS_A_B_C: '1' }, keys, [], '/')
  t.strictSame(sources, [])
  t.match(problems, [{ kind: 'unknown', message: /plugins\.a-b\.c, plugins\.a\.bC.*use --set/ }])
})

t.test('variables beneath an open section are let be', async t => {
  const { problems } = readEnv(
    { SKEP_PLUGINS_HONEY_ANY: '1', SKEP_PLUGINS_HONEYBEE_ANY: '1' },
    [],
    ['plugins.honey'],
    '/',
  )
  t.match(problems, [{ origin: { name: 'SKEP_PLUGINS_HONEYBEE_ANY' } }])
  t.equal(problems.length, 1)
})
