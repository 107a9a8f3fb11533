import t from 'tap'
import type { PluginStatus } from '../../../core/state/node-state.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { judgeLag, judgePlugins, judgeWear } from '../../../plugins/monitoring/probes.ts'
import { freshWear } from '../../helpers/wear.ts'

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

t.test('a disk that wears out degrades, one that nobody counts does not', async t => {
  const unknown = freshWear(createMemoryStorage({ maxBytes: 0 })).status()
  t.match(judgeWear(unknown), { status: 'ok', detail: /nothing here counts/ })
  const young = { ...unknown, source: 'cgroup', counts: 'own writes' } as const
  t.match(judgeWear(young), { status: 'ok', detail: /too early/ })
  t.match(judgeWear({ ...young, writtenBytesPerDay: 12.3e6 }), {
    status: 'ok',
    detail: '13 MB a day, counted by cgroup',
  })
  const health = { status: 'degraded', reason: 'worn out in 9 days' } as const
  t.same(judgeWear({ ...young, writtenBytesPerDay: 12e9, health }), health)
})
