import { existsSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { SkepProcess, skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

/** A node that meets nobody by itself. */
const ALONE = [
  ['network.listen', '/ip4/127.0.0.1/tcp/0'],
  ['plugins.discovery.mdns.enabled', 'false'],
  ['plugins.monitoring.port', '0'],
].flatMap(([key, value]) => ['--set', `${key}=${value}`])

async function start(t: Test, name = 'node', directory?: string): Promise<SkepProcess> {
  const node = await SkepProcess.start(join(directory ?? (await temporaryDirectory(t)), name), ALONE)
  t.teardown(() => node.end('SIGKILL'))
  return node
}

t.test('a node from start to stop', async t => {
  const node = await start(t)
  t.match(node.ready, { peerId: /^12D3Koo/, monitoring: /^http:\/\/127\.0\.0\.1:\d+/ })
  t.match(node.ready.addresses[0], new RegExp(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${node.ready.peerId}$`))
  t.equal(statSync(join(node.directory, 'skep.sock')).mode & 0o777, 0o600)

  t.match(await node.json(['status']), { phase: 'ready', peerId: node.ready.peerId, pins: { pinned: 0 } })
  const human = await node.run(['status'])
  t.match(human.stdout, /^node +ready$/m)
  t.match(human.stdout, new RegExp(`^peer id +${node.ready.peerId}$`, 'm'))
  t.match(human.stdout, /^connections +0 in, 0 out, 0 of them relayed; at most \d+$/m)
  t.match(human.stdout, /^traffic +0 B\/s in, 0 B\/s out; 0 B received, 0 B sent$/m)
  t.match(await node.run(['plugins']), { code: 0, stdout: /^monitoring +\S+ +running +ok/m })
  t.match(await node.run(['peers', '--json']), { code: 0, stdout: '' })
  const plugins = (await node.run(['plugins', '--json'])).stdout.trim().split('\n')
  t.ok(plugins.length > 1, 'one object a line')
  t.ok(plugins.map(line => JSON.parse(line)).some(({ name }) => name === 'monitoring'))
  t.match(await node.run(['peers']), { stdout: 'no peers yet\n' })

  const settings = (await node.run(['config', 'show', '--running', '--json'])).stdout.trim().split('\n')
  const port = settings.map(line => JSON.parse(line)).find(({ key }) => key === 'plugins.monitoring.port')
  t.match(port, { text: '0', origin: '--set plugins.monitoring.port' }, 'as it was started')

  t.match(await node.run(['stop']), { code: 0, stdout: 'stopped\n' })
  t.throws(() => process.kill(node.pid, 0), { code: 'ESRCH' }, 'its process is gone when the command returns')
  t.notOk(existsSync(join(node.directory, 'skep.sock')))
  t.equal(await node.end(), 0)
  t.match(await node.run(['stop']), { code: 3 })
})

t.test('signals stop a node cleanly', async t => {
  const directory = await temporaryDirectory(t)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const node = await start(t, signal, directory)
    t.equal(await node.end(signal), 0, signal)
    t.notOk(existsSync(join(node.directory, 'skep.sock')), 'the socket is gone')
  }
})

t.test('a second signal ends a node whose plugin does not stop', async t => {
  const directory = await temporaryDirectory(t)
  const module = join(directory, 'stubborn.ts')
  writeFileSync(
    module,
    `export default {
      manifest: { name: 'stubborn', version: '1.0.0', requires: [], wants: [], provides: [] },
      schema: {},
      metrics() {},
      register: () => ({ async start() {}, stop: () => new Promise(() => {}), health: () => ({ status: 'ok' }) }),
    }`,
  )
  const settings = [`plugins.stubborn.module=${module}`, 'host.stopTimeoutMs=5m']
  const node = await SkepProcess.start(join(directory, 'node'), [
    ...ALONE,
    ...settings.flatMap(setting => ['--set', setting]),
  ])
  t.teardown(() => node.end('SIGKILL'))
  const ended = node.end('SIGTERM')
  await eventually('the socket to go', () => !existsSync(join(node.directory, 'skep.sock')) || undefined)
  process.kill(node.pid, 'SIGTERM')
  t.equal(await ended, 1)
})

t.test('a second node on the same data is refused, and the first goes on', async t => {
  const node = await start(t)
  const { code, stderr, stdout } = await node.run(['start', ...ALONE])
  t.equal(code, 1)
  t.equal(stdout, '', 'it never says that it is ready')
  t.match(stderr, new RegExp(`error: .*${node.pid}`))
  t.match(await node.json(['status']), { phase: 'ready' })
  const rebuild = await node.run(['storage', 'rebuild'])
  t.match(rebuild, { code: 1, stderr: /in use/ }, 'and so is a rebuild')
})

t.test('a killed node starts again over its old socket, with all it had', async t => {
  const directory = await temporaryDirectory(t)
  const first = await start(t, 'node', directory)
  const { cid } = await first.json<{ cid: string }>(['add'], { input: 'kept' })
  await first.end('SIGKILL')
  t.ok(existsSync(join(first.directory, 'skep.sock')), 'the socket is still there')
  t.match(await first.run(['status']), { code: 3, stderr: /ECONNREFUSED/ })

  const second = await start(t, 'node', directory)
  t.equal(second.ready.peerId, first.ready.peerId)
  t.match(await second.run(['cat', cid]), { code: 0, stdout: /^kept$/ })
  t.equal(await second.end(), 0)
  const rebuilt = await skep([
    'storage',
    'rebuild',
    '--data',
    second.directory,
    '--json',
    '--log-level',
    'error',
  ])
  t.equal(rebuilt.code, 0, rebuilt.stderr)
  t.match(JSON.parse(rebuilt.stdout), { damaged: 0 })
  const third = await start(t, 'node', directory)
  t.match(await third.run(['cat', cid]), { code: 0, stdout: /^kept$/ }, 'after a rebuild too')
})

t.test('connect', async t => {
  const directory = await temporaryDirectory(t)
  const [one, two] = await Promise.all([start(t, 'one', directory), start(t, 'two', directory)])
  const address = two.ready.addresses[0] ?? ''
  t.match(await one.json(['connect', address]), { peer: two.ready.peerId, address })
  t.match(await one.json(['peers']), { peer: two.ready.peerId, liveness: 'connected' })
  t.match((await one.run(['peers'])).stdout, new RegExp(`^${two.ready.peerId} +connected`, 'm'))
  t.match(
    await one.run(['connect', two.ready.peerId]),
    { code: 0, stderr: '' },
    'a peer that is known goes by its id',
  )

  await two.end()
  t.match(await one.run(['connect', address]), { code: 1, stderr: /^error: .+\nfix: / })
  t.match(await one.run(['connect', 'nonsense', '--json']), {
    code: 1,
    stderr: /ADDRESS_INVALID.*nonsense is no address; expected/,
  })
})

t.test('stopping cuts short what runs', async t => {
  const node = await start(t)
  const upload = httpRequest({
    socketPath: join(node.directory, 'skep.sock'),
    path: '/v1/content',
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
  })
  upload.on('error', () => {})
  upload.write('the beginning of something that never ends')
  await node.json(['status'])
  t.equal(await node.end(), 0)
  upload.destroy()
})

t.test('a socket elsewhere, and a settings file', async t => {
  const directory = await temporaryDirectory(t)
  const socket = join(directory, 'other.sock')
  const file = join(directory, 'other.yaml')
  writeFileSync(file, 'network:\n  maxConnections: 33\n')
  const node = await SkepProcess.start(join(directory, 'node'), [
    ...ALONE,
    '--socket',
    socket,
    '--config',
    file,
  ])
  t.teardown(() => node.end())
  t.match(await node.run(['status']), { code: 3 })
  t.match(await node.json(['status', '--socket', socket]), { connections: { max: 33 } })
  t.match(await skep(['status', '--json'], { env: { SKEP_SOCKET: socket } }), { code: 0 })
})
