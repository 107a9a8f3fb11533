import t from 'tap'
import type { PluginStatus } from '../../../core/state/node-state.ts'
import { judgeLag, judgePlugins } from '../../../plugins/monitoring/probes.ts'

t.test('a late turn fails, one that was late a while ago degrades', async t => {
  t.equal(judgeLag(5, 20, 100).status, 'ok')
  t.equal(judgeLag(5, 101, 100).status, 'degraded')
  t.match(judgeLag(101, 5, 100), { status: 'failed', reason: /101 ms.*limit is 100 ms/ })
})

const plugin = (
  name: string,
  state: PluginStatus['state'],
  health: PluginStatus['health'],
): PluginStatus => ({
  name,
  version: '1.0.0',
  state,
  health,
  loops: [],
  requires: [],
  provides: [],
})

t.test('the worst plugin decides, and disabled ones are left out', async t => {
  const well = plugin('a', 'running', { status: 'ok' })
  const off = plugin('b', 'disabled', { status: 'failed' })
  const limping = plugin('c', 'running', { status: 'degraded', reason: 'no multicast' })
  const blocked = plugin('d', 'blocked', { status: 'failed' })
  t.equal(judgePlugins([well, off]).status, 'ok')
  t.same(judgePlugins([well, limping]), { status: 'degraded', reason: 'c: no multicast' })
  t.same(judgePlugins([well, limping, blocked]), { status: 'failed', reason: 'c: no multicast; d: blocked' })
})
