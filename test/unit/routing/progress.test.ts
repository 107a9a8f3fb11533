import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import {
  dueMs,
  loadProgress,
  nextPeriod,
  overdue,
  resumed,
  saveProgress,
} from '../../../plugins/routing/provide/progress.ts'

const PERIOD = 1000

t.test('a first period is all due at once, the next spreads from there', async t => {
  const first = resumed(undefined, 5000, PERIOD)
  t.same(first, overdue(5000, PERIOD))
  for (const position of [0, 0.5, 0.99]) t.ok(dueMs({ ...first, position }, PERIOD) <= 5000)
  const second = nextPeriod({ ...first, position: 1 }, 5010, PERIOD)
  t.same(second, { startedMs: 5000, position: 0 })
  t.equal(dueMs({ ...second, position: 0.5 }, PERIOD), 5500)
})

t.test('a restart goes on where it was', async t => {
  const saved = { startedMs: 5000, position: 0.25 }
  t.same(resumed(saved, 5100, PERIOD), saved, 'ahead of time')
  t.same(resumed(saved, 6200, PERIOD), saved, 'late: what was missed is due, and no more')
  t.same(resumed(saved, 6251, PERIOD), overdue(6251, PERIOD), 'so late that records may have ended')
})

t.test('a clock that went back puts nothing off', async t => {
  const { startedMs, position } = resumed({ startedMs: 9000, position: 0.25 }, 100, PERIOD)
  t.equal(position, 0.25)
  t.equal(dueMs({ startedMs, position }, PERIOD), 100)
})

t.test('a late period does not make the next one a rush', async t => {
  t.same(nextPeriod({ startedMs: 0, position: 1 }, 900, PERIOD), { startedMs: 1000, position: 0 }, 'on time')
  t.same(nextPeriod({ startedMs: 0, position: 1 }, 9000, PERIOD), { startedMs: 8000, position: 0 })
})

t.test('it is kept', async t => {
  const { bookkeeping } = createMemoryStorage({ maxBytes: 16 * 1024 * 1024 })
  t.equal(loadProgress(bookkeeping), undefined)
  await saveProgress(bookkeeping, { startedMs: 12, position: 0.5 })
  t.same(loadProgress(bookkeeping), { startedMs: 12, position: 0.5 })
})
