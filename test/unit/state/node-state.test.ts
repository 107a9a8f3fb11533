import t from 'tap'
import { createEvents } from '../../../core/events.ts'
import { HEALTHY, type Health } from '../../../core/plugin.ts'
import { createChangeFeed } from '../../../core/state/change-feed.ts'
import { createNodeState, type PluginStatus } from '../../../core/state/node-state.ts'
import { createTestNode, fileOf, pattern } from '../../helpers/content-node.ts'
import { freshWear } from '../../helpers/wear.ts'
import { createNode } from '../network/nodes.ts'

const running: PluginStatus = {
  name: 'honey',
  version: '1.0.0',
  state: 'running',
  health: HEALTHY,
  loops: [],
  requires: [],
  provides: [],
}

async function createState(t: Parameters<typeof createNode>[0]) {
  const { network, peers } = await createNode(t, { firstCipher: 'chacha20' })
  const { storage, pins, content } = createTestNode()
  const events = createEvents(error => {
    throw error
  })
  const phases: string[] = []
  events.on('node:phase', ({ phase }) => void phases.push(phase))
  const plugins = { current: [running] as readonly PluginStatus[] }
  const time = { nowMs: 1_000 }
  const fresh = freshWear(storage).status()
  const wear: { health: Health } = { health: HEALTHY }
  const state = createNodeState(
    { version: '1.2.3', profile: 'pi-4', dataDirectory: '/data' },
    {
      network,
      peers,
      storage,
      wear: { status: () => ({ ...fresh, health: wear.health }) },
      pins,
      plugins: () => plugins.current,
      events,
      changes: createChangeFeed({ run: 'test' }, { events, now: () => time.nowMs }),
      now: () => time.nowMs,
    },
  )
  return { state, plugins, phases, time, wear, content, pins, network }
}

t.test('from starting to stopping', async t => {
  const { state, plugins, phases, wear } = await createState(t)
  t.equal(state.status().phase, 'starting')
  state.enter('running')
  t.equal(state.status().phase, 'ready')

  plugins.current = [{ ...running, health: { status: 'degraded', reason: 'no nectar' } }]
  t.match(state.status(), { phase: 'degraded', reasons: ['honey: no nectar'] })
  plugins.current = [{ ...running, state: 'blocked', health: { status: 'failed', reason: 'needs flowers' } }]
  t.match(state.status(), { phase: 'degraded', reasons: ['honey: needs flowers'] })
  plugins.current = [{ ...running, state: 'disabled' }]
  t.match(state.status(), { phase: 'ready', reasons: [] }, 'what is disabled is missed by nobody')

  wear.health = { status: 'degraded', reason: 'worn out in 9 days' }
  t.match(state.status(), { phase: 'degraded', reasons: ['disk: worn out in 9 days'] })
  wear.health = HEALTHY
  t.match(state.status(), { phase: 'ready', reasons: [] })

  state.enter('stopping')
  t.equal(state.status().phase, 'stopping')
  t.same(phases, ['ready', 'stopping'])
})

t.test('one picture of everything', async t => {
  const { state, time, content, pins, network } = await createState(t)
  await pins.start()
  const { cid } = await content.add(fileOf(pattern(1000)))
  time.nowMs += 5_000
  t.match(state.status(), {
    version: '1.2.3',
    profile: 'pi-4',
    dataDirectory: '/data',
    startedMs: 1_000,
    uptimeMs: 5_000,
    peerId: network.self.toString(),
    peers: [],
    connections: { inbound: 0, outbound: 0 },
    network: { firstCipher: 'chacha20' },
    storage: { blocks: 1 },
    pins: { pinned: 1, pinning: 0 },
  })
  await pins.remove(cid)
  t.same(state.status().pins, { pinned: 0, pinning: 0 })
  await pins.stop()
})

t.test('what plugins add', async t => {
  const { state } = await createState(t)
  const forget = state.describe('honey', () => ({ jars: 3 }))
  state.describe('wax', () => {
    throw new Error('melted')
  })
  t.same(state.status().details, { honey: { jars: 3 }, wax: { error: 'melted' } })
  forget()
  t.same(Object.keys(state.status().details), ['wax'])
})

t.test('what comes to do otherwise is told once, and counted', async t => {
  const { state, plugins, phases } = await createState(t)
  state.enter('running')
  const { sequence } = state.status()
  state.review()
  t.equal(state.status().sequence, sequence, 'nothing has changed')
  plugins.current = [{ ...running, health: { status: 'degraded', reason: 'no nectar' } }]
  t.equal(state.status().sequence, sequence, 'asking changes nothing')
  state.review()
  t.equal(state.status().sequence, sequence + 2, 'the plugin, and with it the node')
  plugins.current = [{ ...running, health: { status: 'degraded', reason: 'no pollen' } }]
  state.review()
  plugins.current = [running]
  state.review()
  state.review()
  t.same(phases, ['ready', 'degraded', 'degraded', 'ready'])
  t.equal(state.status().sequence, sequence + 6)
})
