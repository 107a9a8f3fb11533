import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createPluginLoader } from '../../../core/config/load-plugin.ts'
import { createHost } from '../../../core/host/plugin-host.ts'
import { silentLogger } from '../../../core/logger.ts'
import type { Plugin } from '../../../core/plugin.ts'
import { createTestCore } from '../../conformance/test-core.ts'

const LIMITS = { startTimeoutMs: 10_000, stopTimeoutMs: 10_000 }

/** A node that has one plugin, which a host of its own runs. */
async function startNode(t: Test, plugin: Plugin, config: object) {
  const core = await createTestCore()
  t.teardown(() => core.stop())
  const root = await core.createRoot(plugin.manifest.requires)
  t.teardown(() => root.close())
  const host = createHost(
    { ...LIMITS, entries: [{ plugin, config, onFailure: 'abort' }], disabled: [] },
    {
      container: root.container,
      log: silentLogger,
      metrics: core.metrics,
      portFor: name => core.network.port(name),
    },
  )
  await host.registerAll()
  await host.startAll({ signal: new AbortController().signal })
  await root.listen()
  const { network, metrics } = core
  return { host, network, metrics, port: network.port('test').port, socketPath: root.socketPath }
}

async function get(socketPath: string, path: string): Promise<unknown> {
  const asked = request({ socketPath, path }).end()
  const [answer]: [IncomingMessage] = (await once(asked, 'response')) as never
  return json(answer)
}

t.test('a plugin from a file that lies elsewhere runs in two nodes that talk through it', async t => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'skep-plugin-'))
  t.teardown(() => rm(elsewhere, { recursive: true }))
  await cp(new URL('../../fixtures/plugins/nameplate.ts', import.meta.url), join(elsewhere, 'nameplate.ts'))
  const plugin = await createPluginLoader({})('nameplate', './nameplate.ts', elsewhere)

  const kitchen = await startNode(t, plugin, { text: 'kitchen shelf' })
  const attic = await startNode(t, plugin, { text: 'attic '.repeat(100) })
  await kitchen.port.dial(attic.network.addresses())

  t.strictSame(await get(attic.socketPath, '/v1/nameplates'), [
    { peer: kitchen.network.self.toString(), text: 'kitchen shelf' },
  ])
  t.strictSame(await get(kitchen.socketPath, '/v1/nameplates'), [
    { peer: attic.network.self.toString(), text: 'attic '.repeat(100).slice(0, 256) },
  ])
  t.match(await kitchen.metrics.text(), 'skep_nameplate_shown_total 1')

  await kitchen.host.stopAll()
  const owners = kitchen.network.protocols().map(({ owner }) => owner)
  t.strictSame(
    owners.filter(owner => owner !== 'libp2p'),
    ['network'],
    'its protocol has left with it',
  )
  t.notMatch(await kitchen.metrics.text(), 'skep_nameplate')
  t.strictSame(await get(attic.socketPath, '/v1/nameplates'), [])
  await attic.host.stopAll()
})
