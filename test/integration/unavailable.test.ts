import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess, skep } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

/** Nobody has this one: the hash of a text that is in no store here. */
const NOBODYS = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

t.test('what nobody has is given up in time, saying who was asked', async t => {
  const directory = await temporaryDirectory(t)
  const settings = [...QUIET, '--set', 'plugins.exchange.findTimeoutMs=1s']
  const [asker, asked] = await Promise.all(
    ['asker', 'asked'].map(name => SkepProcess.start(join(directory, name), settings)),
  )
  if (!asker || !asked) throw new Error('two nodes were started')
  t.teardown(() => Promise.all([asker.end(), asked.end()]))
  await asker.json(['connect', asked.ready.addresses[0] ?? ''])

  const { code, stderr } = await asker.run(['get', NOBODYS, '-o', join(directory, 'output'), '--json'])
  t.equal(code, 1)
  const { error } = JSON.parse(stderr)
  t.match(error.code, 'CONTENT_UNAVAILABLE')
  t.match(error.message, asked.ready.peerId)
  t.match(error.message, NOBODYS)
})

t.test('ports that are taken', async t => {
  const directory = await temporaryDirectory(t)
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  await t.test('of libp2p: the node does not start, and says which', async t => {
    const listen = `network.listen=/ip4/127.0.0.1/tcp/${port}`
    const args = ['start', '--data', join(directory, 'a'), ...QUIET, '--set', listen, '--json']
    const { code, stderr } = await skep(args)
    t.equal(code, 1)
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '')
    t.match(error, { code: 'LISTEN_FAILED', message: String(port) })
  })

  await t.test('of monitoring: the node runs without it, and says why', async t => {
    const taken = ['--set', `plugins.monitoring.port=${port}`]
    const node = await SkepProcess.start(join(directory, 'b'), [...QUIET, ...taken])
    t.teardown(() => node.end())
    const { phase, plugins } = await node.json<NodeStatus>(['status'])
    t.equal(phase, 'degraded')
    const monitoring = plugins.find(({ name }) => name === 'monitoring')
    t.match(monitoring, { state: 'failed', health: { status: 'failed', reason: String(port) } })
  })
})
