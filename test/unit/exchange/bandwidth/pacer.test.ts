import fc from 'fast-check'
import t from 'tap'
import { BURST_SECONDS, Pacer } from '../../../../plugins/exchange/bandwidth/pacer.ts'
import { FakeClock } from './fake-clock.ts'

const RATE = 1000
const BURST = RATE * BURST_SECONDS

/** Asks for turns and notes which have come. */
function queue(pacer: Pacer): { come: string[]; ask(name: string, bytes: number, urgent?: boolean): void } {
  const come: string[] = []
  return {
    come,
    ask(name, bytes, urgent = false) {
      const turn = pacer.turn({ bytes, urgent, signals: [] })
      if (turn) void turn.then(() => come.push(name))
      else come.push(name)
    },
  }
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

t.test('without a cap nobody waits', async t => {
  const clock = new FakeClock()
  const pacer = new Pacer(Number.POSITIVE_INFINITY, clock)
  pacer.spend(1e15)
  t.equal(pacer.turn({ bytes: 1e15, signals: [] }), undefined)
  t.notOk(clock.waiting)
})

t.test('after the burst, turns come at the rate, in order, with one timer', async t => {
  const clock = new FakeClock()
  const { come, ask } = queue(new Pacer(RATE, clock))
  for (const name of ['a', 'b', 'c', 'd']) ask(name, BURST)
  t.same(come, ['a'])
  t.equal(clock.timers, 1)
  clock.advance(400)
  await settled()
  t.same(come, ['a', 'b'], 'as soon as the debt is paid')
  clock.advance(500)
  await settled()
  t.same(come, ['a', 'b', 'c'])
  clock.advance(500)
  await settled()
  t.same(come, ['a', 'b', 'c', 'd'])
  t.notOk(clock.waiting, 'and no timer is left')
})

t.test('a block larger than the burst passes, and is paid for', async t => {
  const clock = new FakeClock()
  const { come, ask } = queue(new Pacer(RATE, clock))
  ask('block', 20 * BURST)
  ask('next', 1)
  t.same(come, ['block'])
  clock.advance(19 * BURST)
  await settled()
  t.same(come, ['block'])
  clock.advance(BURST / RATE + 10)
  await settled()
  t.same(come, ['block', 'next'])
  t.ok(clock.wakes <= 2, `${clock.wakes} wakes`)
})

t.test('urgent turns pass those that wait, for what half a second carries', async t => {
  const clock = new FakeClock()
  const { come, ask } = queue(new Pacer(RATE, clock))
  ask('block', 10 * BURST)
  ask('waits', 1)
  for (let turn = 0; turn < 10; turn++) ask(`urgent ${turn}`, BURST / 5, true)
  t.same(come, ['block', ...[0, 1, 2, 3, 4].map(turn => `urgent ${turn}`)])
  clock.advance(20_000)
  await settled()
  t.equal(come.length, 12)
})

t.test('who gives up is not waited for', async t => {
  const clock = new FakeClock()
  const pacer = new Pacer(RATE, clock)
  const { come, ask } = queue(pacer)
  ask('block', 10 * BURST)
  const gone = new AbortController()
  const turn = pacer.turn({ bytes: 1e9, signals: [new AbortController().signal, gone.signal] })
  gone.abort(new Error('gone'))
  await t.rejects(turn ?? Promise.resolve(), { message: 'gone' })
  t.notOk(clock.waiting)
  ask('next', 1)
  clock.advance(10 * BURST)
  await settled()
  t.same(come, ['block', 'next'])
})

t.test('a new rate holds at once', async t => {
  const clock = new FakeClock()
  const pacer = new Pacer(RATE, clock)
  const { come, ask } = queue(pacer)
  ask('block', 100 * BURST)
  ask('next', 1)
  pacer.bytesPerSecond = 100 * RATE
  clock.advance(505)
  await settled()
  t.same(come, ['block', 'next'])
  ask('another', 1e9)
  ask('last', 1)
  pacer.stop()
  await settled()
  t.same(come, ['block', 'next', 'another', 'last'], 'and nobody waits for one that stopped')
  t.notOk(clock.waiting)
})

t.test('whoever asks for what, the rate holds and is used', async () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 3000 }), urgent: fc.boolean(), ms: fc.nat(2000) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), async steps => {
      const clock = new FakeClock()
      const pacer = new Pacer(RATE, clock)
      let asked = 0
      let passed = 0
      for (const { bytes, urgent, ms } of steps) {
        asked += bytes
        const turn = pacer.turn({ bytes, urgent, signals: [] })
        const pass = (): void => {
          passed += bytes
        }
        if (turn) void turn.then(pass)
        else pass()
        clock.advance(ms)
        await settled()
        if (clock.timers > 1) return false
        const allowed = BURST + (clock.nowMs / 1000) * RATE
        // One turn may run into debt, and urgent ones by as much again.
        if (passed > allowed + 3000 + BURST + 3000) return false
      }
      clock.advance((asked / RATE) * 1000 + 1000)
      await settled()
      return passed === asked && !clock.waiting
    }),
    { numRuns: 50 },
  )
})
