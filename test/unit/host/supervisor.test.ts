import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { BREAK_AFTER, BROKEN_DELAY_MS, FIRST_DELAY_MS } from '../../../core/host/restart-policy.ts'
import { MAX_LOOPS, Supervisor } from '../../../core/host/supervisor.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createManualClock } from './manual-clock.ts'

function create() {
  const abort = new AbortController()
  const clock = createManualClock()
  const { signal } = abort
  const supervisor = new Supervisor({ signal }, { log: silentLogger, clock, random: () => 1 })
  return { supervisor, clock, abort }
}

/** Runs until its signal aborts. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))

t.test('a loop that throws runs again after a wait', async t => {
  const { supervisor, clock, abort } = create()
  let runs = 0
  supervisor.supervise('redial', async signal => {
    if (++runs < 3) throw new Error(`run ${runs}`)
    await untilAborted(signal)
  })
  await turn()
  t.strictSame(supervisor.status(), [{ name: 'redial', state: 'waiting', restarts: 0 }])
  t.strictSame(supervisor.health(), {
    status: 'degraded',
    reason: 'loop redial failed and will be tried again: run 1',
  })
  t.strictSame(clock.sleeping(), [FIRST_DELAY_MS])
  await clock.advance(FIRST_DELAY_MS)
  t.strictSame(clock.sleeping(), [2 * FIRST_DELAY_MS])
  await clock.advance(2 * FIRST_DELAY_MS)
  t.strictSame(supervisor.status(), [{ name: 'redial', state: 'running', restarts: 2 }])
  t.strictSame(supervisor.health(), { status: 'ok' })

  abort.abort()
  await supervisor.ended()
  t.strictSame(supervisor.status(), [{ name: 'redial', state: 'done', restarts: 2 }])
  t.equal(runs, 3)
})

t.test('a loop that keeps failing the same way is broken, and mends itself', async t => {
  const { supervisor, clock, abort } = create()
  let mended = false
  supervisor.supervise('announce', async signal => {
    if (!mended) throw Object.assign(new Error('no route'), { code: 'ENETUNREACH' })
    await untilAborted(signal)
  })
  await turn()
  for (let failure = 1; failure < BREAK_AFTER; failure++) {
    t.equal(supervisor.status()[0]?.state, 'waiting')
    await clock.advance(clock.sleeping()[0] ?? 0)
  }
  t.equal(supervisor.status()[0]?.state, 'broken')
  t.match(supervisor.health(), { status: 'degraded', reason: /announce failed 8 times in a row: no route/ })
  t.strictSame(clock.sleeping(), [BROKEN_DELAY_MS])

  mended = true
  await clock.advance(BROKEN_DELAY_MS)
  t.equal(supervisor.status()[0]?.state, 'running')
  t.equal(supervisor.health().status, 'ok')
  abort.abort()
  await supervisor.ended()
})

t.test('stopping ends a wait at once, and nothing runs again', async t => {
  const { supervisor, clock, abort } = create()
  let runs = 0
  supervisor.supervise('sweep', async () => {
    runs++
    throw new Error('no')
  })
  await turn()
  t.strictSame(supervisor.unfinished(), ['sweep'])
  abort.abort()
  await supervisor.ended()
  t.strictSame(supervisor.unfinished(), [])
  t.strictSame(clock.sleeping(), [])
  t.equal(runs, 1)
  supervisor.supervise('sweep', async () => {
    runs++
  })
  t.equal(runs, 1, 'a loop asked for after the stop never begins')
})

t.test('what a loop throws because it was stopped is no failure', async t => {
  const { supervisor, abort } = create()
  supervisor.supervise('poll', async signal => {
    await untilAborted(signal)
    signal.throwIfAborted()
  })
  abort.abort()
  await supervisor.ended()
  t.strictSame(supervisor.status(), [{ name: 'poll', state: 'done', restarts: 0 }])
  t.equal(supervisor.health().status, 'ok')
})

t.test('a loop that throws before its first await is a failure like any other', async t => {
  const { supervisor, abort } = create()
  supervisor.supervise('eager', () => {
    throw new Error('at once')
  })
  await turn()
  t.equal(supervisor.status()[0]?.state, 'waiting')
  abort.abort()
})

t.test('names are taken while their loop runs; ended loops make room', async t => {
  const { supervisor, abort } = create()
  supervisor.supervise('one', untilAborted)
  t.throws(() => supervisor.supervise('one', untilAborted), { code: 'LOOP_REFUSED' })
  supervisor.supervise('brief', async () => {})
  await turn()
  supervisor.supervise('brief', async () => {})
  await turn()
  t.equal(supervisor.status().length, 2)
  for (let index = 2; index <= MAX_LOOPS; index++) supervisor.supervise(`loop ${index}`, untilAborted)
  t.equal(supervisor.status().length, MAX_LOOPS)
  t.notOk(supervisor.status().some(loop => loop.name === 'brief'))
  t.throws(() => supervisor.supervise('one more', untilAborted), { code: 'LOOP_REFUSED' })
  abort.abort()
  await supervisor.ended()
})
