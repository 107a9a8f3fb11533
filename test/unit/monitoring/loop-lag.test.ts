import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { LoopLag } from '../../../plugins/monitoring/loop-lag.ts'
import { eventually } from '../../helpers/eventually.ts'

const STALL_MS = 400

function stall(): void {
  const endMs = performance.now() + STALL_MS
  while (performance.now() < endMs);
}

t.test('a stall is seen, told for a while, and then forgotten', async t => {
  const clock = { nowMs: 0 }
  const lag = new LoopLag({ nowMs: () => clock.nowMs })
  lag.start()
  t.teardown(() => lag.stop())
  const seenMs = await eventually('a stall to be seen', () => {
    stall()
    return lag.recentMs() > STALL_MS / 2 ? lag.recentMs() : undefined
  })
  clock.nowMs += 10_000
  t.ok(lag.recentMs() >= seenMs, 'the window ends')
  t.ok(lag.recentMs() >= seenMs, 'and is told for another one')
  clock.nowMs += 10_000
  lag.recentMs()
  t.ok(lag.recentMs() < seenMs, 'and no longer')
})

t.test('a turn takes as long as what else is in it', async t => {
  const lag = new LoopLag({ nowMs: () => performance.now() })
  t.ok((await lag.turnMs()) < STALL_MS)
  const turn = lag.turnMs()
  setImmediate().then(stall)
  t.ok((await turn) >= STALL_MS)
})
