import t from 'tap'
import { systemClock, within } from '../../../core/host/clock.ts'
import { createManualClock } from './manual-clock.ts'

const late = () => new Error('late')
const never = () => new Promise<never>(() => {})

t.test('work that is done in time is the result, and no timer stays', async t => {
  const clock = createManualClock()
  t.equal(await within(10, async () => 'done', late, clock), 'done')
  t.strictSame(clock.sleeping(), [])
})

t.test('work that fails in time fails as it does', async t => {
  const failing = async () => {
    throw new Error('broken')
  }
  await t.rejects(within(10, failing, late, createManualClock()), { message: 'broken' })
})

t.test('work that takes longer is left alone, however it ends', async t => {
  const clock = createManualClock()
  let fail = (_error: Error) => {}
  const work = () => new Promise<never>((_resolve, reject) => (fail = reject))
  const result = within(10, work, late, clock)
  await Promise.all([t.rejects(result, { message: 'late' }), clock.advance(10)])
  fail(new Error('nobody hears this'))
})

t.test('a signal ends the wait with its reason', async t => {
  const abort = new AbortController()
  const reason = new Error('enough')
  const waiting = within(10_000, never, late, systemClock, abort.signal)
  abort.abort(reason)
  await t.rejects(waiting, reason)
  await t.rejects(within(10_000, never, late, systemClock, abort.signal), reason)
})

t.test('the real clock goes forward and keeps its waits', async t => {
  const beforeMs = systemClock.now()
  await systemClock.delay(5, new AbortController().signal)
  t.ok(systemClock.now() - beforeMs >= 4)
  await t.rejects(systemClock.delay(60_000, AbortSignal.abort()), { name: 'AbortError' })
})
