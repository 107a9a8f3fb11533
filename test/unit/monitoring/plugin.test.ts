import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import t from 'tap'
import { use } from '../../../core/container.ts'
import { definePlugin, type Health } from '../../../core/plugin.ts'
import type { NodeStatus } from '../../../core/state/node-state.ts'
import { Storage } from '../../../core/storage/storage.ts'
import cache from '../../../plugins/cache/index.ts'
import type { Round } from '../../../plugins/monitoring/health-rounds.ts'
import monitoring from '../../../plugins/monitoring/index.ts'
import { startPlugins } from '../../helpers/plugin-node.ts'
import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import { ask } from './http.ts'

interface Readiness {
  readonly ready: boolean
  readonly phase: string
  readonly reasons: readonly string[]
  readonly probes: Round['probes']
}

/** A plugin whose health is what the test says. */
function createMoody() {
  const mood: { health: Health } = { health: { status: 'ok' } }
  const plugin = definePlugin<object, undefined>({
    manifest: { name: 'moody', version: '1.0.0', requires: [], wants: [], provides: [] },
    schema: {},
    metrics: () => undefined,
    register: () => ({ start: async () => {}, stop: async () => {}, health: () => mood.health }),
  })
  return { mood, plugin }
}

async function start(config: object = {}) {
  const moody = createMoody()
  const node = await startPlugins([
    { plugin: moody.plugin },
    { plugin: cache },
    { plugin: monitoring, config: { port: 0, cacheMs: 0, ...config } },
  ])
  const { url } = (node.state.status().details.monitoring ?? {}) as { url?: string }
  if (!url) throw new Error(node.host.report().text)
  return { ...node, mood: moody.mood, url }
}

t.test('every route answers, with GET and with HEAD', async t => {
  const { url, state, stop } = await start()
  state.enter('running')
  for (const path of ['/livez', '/readyz', '/healthz', '/status', '/metrics']) {
    const got = await ask(url + path)
    t.equal(got.status, 200, path)
    t.equal(got.headers['cache-control'], 'no-store')
    const head = await ask(url + path, { method: 'HEAD' })
    t.same([head.status, head.text], [200, ''])
    t.equal(head.headers['content-type'], got.headers['content-type'])
  }
  t.match((await ask(`${url}/metrics`)).headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(
    (await ask(`${url}/metrics`)).text,
    'skep_monitoring_requests_total{route="/livez",status="200"} 2\n',
  )
  await stop()
})

t.test('readiness follows the phase and the probes, and comes back', async t => {
  const { url, state, mood, stop } = await start()
  const readiness = async (): Promise<[status: number, body: Readiness]> => {
    const { status, json } = await ask(`${url}/readyz`)
    return [status, json<Readiness>()]
  }
  t.match(await readiness(), [503, { ready: false, phase: 'starting' }])
  state.enter('running')
  t.match(await readiness(), [200, { ready: true, phase: 'ready', reasons: [] }])
  mood.health = { status: 'failed', reason: 'out of honey' }
  t.match(await readiness(), [
    503,
    {
      ready: false,
      phase: 'degraded',
      reasons: ['moody: out of honey'],
      probes: [
        { name: 'storage', status: 'ok' },
        {},
        {},
        {},
        { name: 'plugins', reason: 'moody: out of honey' },
      ],
    },
  ])
  t.match(await ask(`${url}/healthz`), { status: 503 })
  mood.health = { status: 'degraded', reason: 'little honey' }
  t.match(await readiness(), [200, { ready: true, phase: 'degraded', reasons: ['moody: little honey'] }])
  t.match((await ask(`${url}/healthz`)).json(), { status: 'degraded' })
  mood.health = { status: 'ok' }
  t.match(await readiness(), [200, { ready: true, phase: 'ready' }])
  state.enter('stopping')
  t.match(await readiness(), [503, { ready: false, phase: 'stopping' }])
  t.equal((await ask(`${url}/livez`)).status, 200, 'it lives all the while')
  await stop()
})

t.test('a store that does not work is seen', async t => {
  const { url, state, container, stop } = await start()
  state.enter('running')
  const { status, json } = await ask(`${url}/healthz`)
  t.equal(status, 200)
  t.match(json<Round>().probes, [
    { name: 'storage', status: 'ok', durationMs: Number },
    { name: 'event-loop', status: 'ok' },
    { name: 'peers', status: 'ok', detail: 'no peer is connected' },
    { name: 'disk-wear', status: 'ok', detail: 'nothing here counts writes' },
    { name: 'plugins', status: 'ok', detail: '3 plugins are well' },
  ])
  const storage = use(container, Storage)
  const probe = storage.probe
  storage.probe = async () => {
    throw new Error('EIO')
  }
  const broken = await ask(`${url}/readyz`)
  t.equal(broken.status, 503)
  t.match(broken.json<Readiness>().probes[0], { name: 'storage', status: 'failed', reason: 'EIO' })
  storage.probe = probe
  t.equal((await ask(`${url}/readyz`)).status, 200)
  await stop()
})

t.test('connected peers are pinged', async t => {
  const [one, other] = await Promise.all([start(), start()])
  const { port, release } = one.core.network.port('test')
  await port.dial(other.core.network.addresses())
  const { probes } = (await ask(`${one.url}/healthz`)).json<Round>()
  t.match(probes[2], { name: 'peers', status: 'ok', detail: /a peer answered within \d+ ms/ })
  await release()
  await one.stop()
  await other.stop()
})

t.test('peers that answer no ping leave the node ready', async t => {
  // Longer than a client may be silent: it waits for them.
  const { core, state, url, stop } = await start({ probeTimeoutMs: 500, requestTimeoutMs: 100 })
  state.enter('running')
  const [address] = core.network.addresses()
  const port = Number(/tcp\/(\d+)/.exec(String(address))?.[1])
  const silent = await connectRaw({ host: '127.0.0.1', port })
  await silent.open().speak('/ipfs/id/1.0.0')
  const readiness = await ask(`${url}/readyz`)
  t.equal(readiness.status, 200)
  t.match(readiness.json<Readiness>().probes[2], {
    status: 'degraded',
    reason: 'none of 1 connected peers answered a ping',
  })
  silent.wire.destroy()
  await stop()
})

t.test('/status, /metrics and the snapshot agree', async t => {
  const [node, other] = await Promise.all([start(), start()])
  const { url, state, core } = node
  state.enter('running')
  await core.network.port('test').port.dial(other.core.network.addresses())
  const status = (await ask(`${url}/status`)).json<NodeStatus>()
  const { text } = await ask(`${url}/metrics`)
  const value = (series: string): number => {
    const line = text.split('\n').find(one => one.startsWith(`${series} `))
    if (!line) throw new Error(`no ${series}`)
    return Number(line.slice(series.length))
  }
  const connected = status.peers.filter(({ liveness }) => liveness === 'connected').length
  t.equal(connected, 1)
  t.same(
    {
      version: text.includes('skep_node_info{version="1.2.3",profile="pi-4"} 1\n'),
      ready: value('skep_node_phase{phase="ready"}'),
      starting: value('skep_node_phase{phase="starting"}'),
      connected: value('skep_node_peers{liveness="connected"}'),
      outbound: value('skep_node_connections{direction="outbound"}'),
      inbound: value('skep_node_connections{direction="inbound"}'),
      maxConnections: value('skep_node_max_connections'),
      blocks: value('skep_node_storage_blocks'),
      usedBytes: value('skep_node_storage_used_bytes'),
      reservedBytes: value('skep_node_storage_reserved_bytes'),
      maxBytes: value('skep_node_storage_max_bytes'),
      pinned: value('skep_node_pins{state="pinned"}'),
      cache: value('skep_node_plugin_state{plugin="cache",state="running"}'),
      health: value('skep_node_plugin_health{plugin="moody",status="ok"}'),
      restarts: value('skep_node_plugin_loop_restarts{plugin="cache",loop="adopt"}'),
    },
    {
      version: status.version === '1.2.3' && status.profile === 'pi-4',
      ready: Number(status.phase === 'ready'),
      starting: 0,
      connected,
      outbound: status.connections.outbound,
      inbound: status.connections.inbound,
      maxConnections: status.connections.max,
      blocks: status.storage.blocks,
      usedBytes: status.storage.usedBytes,
      reservedBytes: status.storage.reservedBytes,
      maxBytes: status.storage.maxBytes,
      pinned: status.pins.pinned,
      cache: 1,
      health: 1,
      restarts: 0,
    },
  )
  const uptimeSeconds = value('skep_node_uptime_seconds')
  t.ok(uptimeSeconds >= status.uptimeMs / 1000 && uptimeSeconds < status.uptimeMs / 1000 + 60)
  t.ok(value('skep_node_resident_memory_bytes') > 1e7)
  t.ok(value('skep_node_cpu_seconds_total') > 0)
  t.notMatch(text, other.state.status().peerId, 'no peer id is a label')
  await node.stop()
  await other.stop()
})

t.test('a snapshot that changed leaves no old labels behind', async t => {
  const { url, state, mood, stop } = await start()
  state.enter('running')
  await ask(`${url}/metrics`)
  mood.health = { status: 'failed' }
  const { text } = await ask(`${url}/metrics`)
  t.match(text, 'skep_node_plugin_health{plugin="moody",status="failed"} 1\n')
  t.notMatch(text, 'skep_node_plugin_health{plugin="moody",status="ok"}')
  t.match(text, 'skep_node_phase{phase="degraded"} 1\n')
  t.match(text, 'skep_node_phase{phase="ready"} 0\n')
  await stop()
})

t.test('what it does not know is refused, as JSON', async t => {
  const { url, stop } = await start()
  t.match(await ask(`${url}/nothing`), { status: 404 })
  t.match((await ask(`${url}/nothing`)).json(), {
    error: { code: 'ROUTE_NOT_FOUND', message: 'no GET /nothing', fix: /livez/ },
  })
  t.match(await ask(`${url}/livez/`), { status: 404 })
  t.match((await ask(`${url}/status`, { method: 'POST', body: '{}' })).json(), {
    error: { code: 'ROUTE_NOT_FOUND' },
  })
  const large = { 'content-type': 'application/json', 'content-length': 1e9 }
  t.match(await ask(`${url}/status`, { method: 'POST', headers: large }), { status: 413 })
  t.match(await ask(`${url}/status`, { headers: { 'x-large': 'x'.repeat(10_000) } }), { status: 431 })
  await stop()
})

t.test('on a loopback address it answers only by a name of this machine', async t => {
  const { url, stop } = await start()
  const by = (host: string) => ask(`${url}/status`, { headers: { host } })
  t.match((await by('evil.example')).json(), { error: { code: 'HOST_REFUSED' } })
  t.equal((await by('evil.example')).status, 403)
  t.equal((await by('localhost:1234')).status, 200)
  t.equal((await ask(`${url}/status`, { method: 'HEAD', headers: { host: 'evil.example' } })).status, 403)
  await stop()
})

t.test('elsewhere any name will do', async t => {
  const { url, stop } = await start({ host: '0.0.0.0' })
  const { port } = new URL(url)
  t.equal((await ask(`http://127.0.0.1:${port}/livez`, { headers: { host: 'pi.local' } })).status, 200)
  await stop()
})

t.test('connections are bounded, and a client that says nothing is hung up on', async t => {
  const { url, stop } = await start({ maxConnections: 2, requestTimeoutMs: 200 })
  const port = Number(new URL(url).port)
  const open = async () => {
    const socket = connect(port, '127.0.0.1').resume()
    await once(socket, 'connect')
    return { closed: once(socket, 'close') }
  }
  const [silent, second] = [await open(), await open()]
  const third = await open()
  await third.closed
  await Promise.all([silent.closed, second.closed])
  t.equal((await ask(`${url}/livez`)).status, 200)
  await stop()
})

t.test('an occupied port fails the plugin alone, and says what to do', async t => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const address = holder.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { host, state, stop } = await startPlugins([
    { plugin: cache },
    { plugin: monitoring, config: { port: address.port } },
  ])
  const [first, second] = host.report().plugins
  t.match(first, { name: 'cache', state: 'running' })
  t.match(second, {
    name: 'monitoring',
    state: 'failed',
    reason: new RegExp(`port ${address.port} of 127.0.0.1 is in use`),
    fix: /plugins\.monitoring\.port to a free port, or to 0/,
  })
  t.equal(state.status().details.monitoring, undefined)
  await stop()
  holder.close()
})

t.test('an address that is not of this machine is told apart', async t => {
  const { host, stop } = await startPlugins([
    { plugin: monitoring, config: { host: '203.0.113.1', port: 0 } },
  ])
  t.match(host.report().plugins[0], {
    state: 'failed',
    reason: /can't listen on port 0 of 203\.0\.113\.1: .*EADDRNOTAVAIL/,
  })
  await stop()
})
