import fc from 'fast-check'
import t from 'tap'
import { planRace, type Runner } from '../../../plugins/routing/search/race.ts'

const runner = (delayMs: number, state: Runner['state'] = 'waiting'): Runner => ({ delayMs, state })

t.test('the cheapest begins at once, the others when their time has come', async t => {
  const runners = [runner(0), runner(500), runner(2000)]
  t.same(planRace(runners, { elapsedMs: 0, found: 0, enough: 3 }), { start: [0], waitMs: 500 })
  const begun = [runner(0, 'asking'), runner(500), runner(2000)]
  t.same(planRace(begun, { elapsedMs: 499, found: 1, enough: 3 }), { start: [], waitMs: 1 })
  t.same(planRace(begun, { elapsedMs: 500, found: 1, enough: 3 }), { start: [1], waitMs: 1500 })
  t.same(planRace(begun, { elapsedMs: 2000, found: 1, enough: 3 }), { start: [1, 2], waitMs: undefined })
})

t.test('nobody waits for those who found nothing', async t => {
  const runners = [runner(0, 'done'), runner(500), runner(2000)]
  t.same(planRace(runners, { elapsedMs: 1, found: 0, enough: 3 }), { start: [1], waitMs: 1999 })
  t.same(planRace(runners, { elapsedMs: 1, found: 1, enough: 3 }), { start: [], waitMs: 499 })
  const last = [runner(0, 'done'), runner(500, 'done'), runner(2000)]
  t.same(planRace(last, { elapsedMs: 1, found: 0, enough: 3 }), { start: [2], waitMs: undefined })
})

t.test('where enough is found nobody begins', async t => {
  t.same(planRace([runner(0), runner(5)], { elapsedMs: 9, found: 3, enough: 3 }), {
    start: [],
    waitMs: undefined,
  })
})

t.test(
  'while too little is found, everybody who waits begins or has a time at which it is looked at',
  async () => {
    const state = fc.constantFrom<Runner['state']>('waiting', 'asking', 'done')
    const runners = fc.array(fc.record({ delayMs: fc.nat(10_000), state }), { maxLength: 6 })
    fc.assert(
      fc.property(runners, fc.nat(10_000), (runners, elapsedMs) => {
        const { start, waitMs } = planRace(runners, { elapsedMs, found: 0, enough: 1 })
        const left = runners.filter(({ state }, index) => state === 'waiting' && !start.includes(index))
        return (
          start.every(index => runners[index]?.state === 'waiting') &&
          (left.length === 0) === (waitMs === undefined) &&
          (waitMs === undefined || waitMs > 0)
        )
      }),
    )
  },
)
