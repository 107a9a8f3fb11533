import fc from 'fast-check'
import t from 'tap'
import { isBannable } from '../../../plugins/reputation/ban-policy.ts'
import { grown, weightAt } from '../../../plugins/reputation/decay.ts'
import { CREDIT, EVIDENCE, EVIDENCE_KINDS } from '../../../plugins/reputation/evidence.ts'
import { BEST_SCORE, badAt, goodAt, STRANGER_SCORE, scoreAt } from '../../../plugins/reputation/score.ts'
import {
  credited,
  excused,
  MAX_DETAIL_CHARACTERS,
  NO_STANDING,
  reported,
  type Standing,
} from '../../../plugins/reputation/standing.ts'

const DAY_MS = 86_400_000
const FULL_CREDIT_BYTES = CREDIT.maxWeight * CREDIT.bytesPerWeight

t.test('a weight halves with each half-life, and grows up to its bound', async t => {
  const fading = { halfLifeMs: 1000, maxWeight: 10 }
  const eight = { weight: 8, atMs: 5000 }
  t.same(
    [5000, 6000, 7000, 8000].map(nowMs => weightAt(eight, fading, nowMs)),
    [8, 4, 2, 1],
  )
  t.equal(weightAt(eight, fading, 0), 8, 'a clock that went back leaves all')
  t.same(grown(eight, 3, fading, 6000), { weight: 7, atMs: 6000 })
  t.same(grown(eight, 30, fading, 6000), { weight: 10, atMs: 6000 })
})

t.test('a burst of the same trouble counts bounded', async t => {
  const burst = (kind: (typeof EVIDENCE_KINDS)[number]): [counted: number, weight: number] => {
    let standing = NO_STANDING
    let counted = 0
    for (let time = 0; time < 1000; time++) {
      const next = reported(standing, { kind, detail: String(time) }, time)
      standing = next.standing
      counted += Number(next.isCounted)
    }
    const tally = standing.tallies[kind]
    t.match(tally, { times: 1000, limited: 1000 - counted, excused: 0, lastMs: 999, detail: '999' })
    return [counted, Math.round(badAt(standing, 999))]
  }
  t.same(burst('timeout'), [2, 2])
  t.same(burst('overload'), [3, 3])
  t.same(burst('protocol-violation'), [2, 10])
  t.same(burst('invalid-block'), [1000, EVIDENCE['invalid-block'].maxWeight], 'each forgery counts')
})

t.test('time fills what a burst used up', async t => {
  const { limit } = EVIDENCE.timeout
  if (!limit) throw new Error('timeouts are limited')
  const report = { kind: 'timeout', detail: '' } as const
  let { standing } = reported(reported(NO_STANDING, report, 0).standing, report, 0)
  const soon = reported(standing, report, limit.everyMs - 1)
  t.notOk(soon.isCounted)
  standing = reported(soon.standing, report, limit.everyMs * 2).standing
  t.match(standing.tallies.timeout, { times: 4, limited: 1 })
})

t.test('what is excused is noted and weighs nothing', async t => {
  const before = credited(NO_STANDING, FULL_CREDIT_BYTES, 0)
  const after = excused(before, { kind: 'timeout', detail: 'x'.repeat(1000) }, 0)
  t.equal(scoreAt(after, 0), scoreAt(before, 0))
  t.match(after.tallies.timeout, { times: 1, excused: 1, limited: 0 })
  t.equal(after.tallies.timeout?.detail.length, MAX_DETAIL_CHARACTERS)
})

t.test('credit is bounded, and fades', async t => {
  const rich = credited(NO_STANDING, 1024 ** 5, 0)
  t.equal(rich.verifiedBytes, 1024 ** 5)
  t.equal(scoreAt(rich, 0), BEST_SCORE)
  t.equal(goodAt(rich, DAY_MS), CREDIT.maxWeight / 2)
  t.equal(scoreAt(NO_STANDING, 0), STRANGER_SCORE)
})

type Deed =
  | { readonly afterMs: number; readonly bytes: number }
  | { readonly afterMs: number; readonly kind: number }

function after(deeds: readonly Deed[]): { standing: Standing; nowMs: number } {
  let standing = NO_STANDING
  let nowMs = 0
  for (const deed of deeds) {
    nowMs += deed.afterMs
    const kind = 'kind' in deed && EVIDENCE_KINDS[deed.kind]
    if (kind) standing = reported(standing, { kind, detail: '' }, nowMs).standing
    else if ('bytes' in deed) standing = credited(standing, deed.bytes, nowMs)
  }
  return { standing, nowMs }
}

const afterMs = fc.integer({ min: 0, max: DAY_MS })
const deeds = fc.array(
  fc.oneof(
    fc.record({ afterMs, bytes: fc.integer({ min: 1, max: 1024 ** 4 }) }),
    fc.record({ afterMs, kind: fc.integer({ min: 0, max: EVIDENCE_KINDS.length - 1 }) }),
  ),
  { maxLength: 60 },
)

t.test('whatever a peer does its score lies between 0 and the best, and each fault lowers it', async () => {
  fc.assert(
    fc.property(deeds, fc.constantFrom(...EVIDENCE_KINDS), (before, kind) => {
      const { standing, nowMs } = after(before)
      const score = scoreAt(standing, nowMs)
      const worse = scoreAt(reported(standing, { kind, detail: '' }, nowMs).standing, nowMs)
      return score > 0 && score <= BEST_SCORE && worse <= score
    }),
  )
})

t.test('whatever it delivered, and whatever else it did, three bad blocks in 20 days ban', async () => {
  const bad = EVIDENCE_KINDS.indexOf('invalid-block')
  fc.assert(
    fc.property(deeds, fc.tuple(deeds, deeds), ([...first], between) => {
      const block = { afterMs: 0, kind: bad }
      const within = (some: readonly Deed[]): Deed[] =>
        some.map(deed => ({ ...deed, afterMs: deed.afterMs % Math.floor((10 * DAY_MS) / 60) }))
      const all = [...first, block, ...within(between[0]), block, ...within(between[1]), block]
      const { standing, nowMs } = after(all)
      return isBannable(standing, { kind: 'invalid-block' }, nowMs)
    }),
  )
})

t.test('no number of timeouts bans, over any time', async () => {
  fc.assert(
    fc.property(fc.array(afterMs, { maxLength: 500 }), gaps => {
      const kind = EVIDENCE_KINDS.indexOf('timeout')
      const { standing, nowMs } = after(gaps.map(afterMs => ({ afterMs, kind })))
      return !isBannable(standing, { kind: 'timeout' }, nowMs) && scoreAt(standing, nowMs) > 0.16
    }),
  )
})
