import fc from 'fast-check'
import t from 'tap'
import { type ProbedPeer, planProbes } from '../../../core/network/probe-plan.ts'

const PERIOD_MS = 60_000
const quiet = (heardMs: number, jitter = 0): ProbedPeer => ({ pulse: { heardMs }, jitter })
const owing = (askedMs: number): ProbedPeer => ({ pulse: { heardMs: 0, askedMs }, jitter: 0 })

t.test('who was silent for long is asked', async t => {
  t.same(planProbes([], PERIOD_MS, 0), { ask: [], gone: [], waitMs: Number.POSITIVE_INFINITY })
  const peer = quiet(1000)
  t.match(planProbes([peer], PERIOD_MS, 2000), { ask: [], waitMs: 59_000 }, 'nothing wakes before it is time')
  t.match(planProbes([peer], PERIOD_MS, 61_000), { ask: [peer] })
  t.match(planProbes([quiet(0, 0.8)], PERIOD_MS, 61_000), { ask: [], waitMs: 11_000 }, 'some a little later')
})

t.test('few at a time, the longest silent first', async t => {
  const peers = [5, 3, 1, 4, 2, 0].map(heardMs => quiet(heardMs))
  const { ask, waitMs } = planProbes(peers, PERIOD_MS, 99_999_999)
  t.same(
    ask.map(({ pulse }) => pulse.heardMs),
    [0, 1, 2, 3],
  )
  t.equal(waitMs, 250)
})

t.test('who owes an answer is watched, not asked again, and gone after a while', async t => {
  t.match(planProbes([owing(0)], PERIOD_MS, 5000), { ask: [], gone: [], waitMs: 1000 })
  const gone = owing(0)
  t.match(planProbes([gone, owing(1)], PERIOD_MS, 20_000), { ask: [], gone: [gone] })
  t.match(
    planProbes([gone], PERIOD_MS, 20_000, 1),
    { gone: [] },
    'nobody, where this node itself stood still',
  )
  t.match(planProbes([gone], PERIOD_MS, 20_001, 1), { gone: [gone] }, 'until the time has passed anew')
})

t.test('a crowd is asked less often, each peer within ten minutes all the same', async t => {
  const wait = (count: number): number =>
    planProbes(
      Array.from({ length: count }, () => quiet(0)),
      PERIOD_MS,
      0,
    ).waitMs
  t.same([1, 12, 24, 60, 120, 1000].map(wait), [60_000, 60_000, 120_000, 300_000, 600_000, 600_000])
})

t.test(
  'whoever is connected, nobody is both asked and given up, and there is always a next look',
  async () => {
    const time = fc.integer({ min: 0, max: 900_000 })
    const peer = fc.oneof(
      fc
        .tuple(time, fc.double({ min: 0, max: 0.99, noNaN: true }))
        .map(([heardMs, jitter]) => quiet(heardMs, jitter)),
      time.map(owing),
    )
    fc.assert(
      fc.property(fc.array(peer, { minLength: 1, maxLength: 50 }), peers => {
        const { ask, gone, waitMs } = planProbes(peers, PERIOD_MS, 900_000)
        const isCalm = waitMs > 0 && waitMs <= 600_000 * 1.25
        return isCalm && ask.length <= 4 && !ask.some(each => gone.includes(each))
      }),
    )
  },
)
