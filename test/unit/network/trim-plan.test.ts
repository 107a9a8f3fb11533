import fc from 'fast-check'
import t from 'tap'
import { GRACE_MS, KEPT_WORTH, type TrimCandidate, trimPlan } from '../../../core/network/trim-plan.ts'

const OLD = GRACE_MS
const YOUNG = GRACE_MS - 1

function candidate(id: string, facts: Partial<TrimCandidate> = {}): TrimCandidate {
  const idle = {
    worth: 0,
    direction: 'inbound',
    ageMs: OLD,
    streams: 0,
    recentBytes: 0,
    isRelayed: false,
    crowd: [1, 1],
  } as const
  return { id, ...idle, ...facts }
}

t.test('who goes first', async t => {
  const table: readonly [why: string, goes: Partial<TrimCandidate>, stays: Partial<TrimCandidate>][] = [
    ['worth less', { worth: 5 }, { worth: 30 }],
    ['idle, beside a stranger in the middle of something', { recentBytes: 99_999 }, { streams: 1 }],
    ['a neighbour in a table that is idle', { worth: 5 }, { streams: 1 }],
    ['a stranger in the middle of something', { streams: 3 }, { worth: 30 }],
    ['relayed', { isRelayed: true, recentBytes: 99_999 }, {}],
    ['who came, beside whom we wanted', { ageMs: OLD + 9 }, { direction: 'outbound' }],
    ['one of many of a network', { crowd: [5, 1], recentBytes: 99_999, ageMs: OLD + 9 }, { crowd: [4, 4] }],
    ['one of many of a host', { crowd: [5, 5], recentBytes: 99_999, ageMs: OLD + 9 }, { crowd: [5, 4] }],
    ['who came, beside a crowd that we wanted', {}, { crowd: [9, 9], direction: 'outbound' }],
    ['less lively', { recentBytes: 9_999, ageMs: OLD + 9 }, { recentBytes: 99_999 }],
    ['the newcomer, whatever greeting it has sent', { recentBytes: 9_999 }, { ageMs: OLD + 1 }],
    ['the newcomer', {}, { ageMs: OLD + 1 }],
  ]
  for (const [why, goes, stays] of table) {
    const both = [candidate('stays', stays), candidate('goes', goes)]
    t.strictSame(trimPlan(both, { low: 1, high: 2 }), ['goes'], why)
    t.strictSame(trimPlan(both.toReversed(), { low: 1, high: 2 }), ['goes'], `${why}, the other way round`)
  }
})

t.test('nothing happens below the high mark', async t => {
  t.strictSame(trimPlan([candidate('a'), candidate('b')], { low: 1, high: 3 }), [])
})

t.test('members and newcomers stay while there is room for all', async t => {
  const all = [
    candidate('member', { worth: KEPT_WORTH }),
    candidate('newcomer', { ageMs: YOUNG }),
    candidate('stranger'),
  ]
  t.strictSame(trimPlan(all, { low: 1, high: 3 }), ['stranger'])
})

t.test('beyond the high mark they go as well: first newcomers, then members', async t => {
  const all = [
    candidate('old member', { worth: 60 }),
    candidate('new member', { worth: 60, ageMs: YOUNG, direction: 'outbound' }),
    candidate('newcomer', { ageMs: YOUNG }),
  ]
  t.strictSame(trimPlan(all, { low: 1, high: 2 }), ['newcomer'])
  t.strictSame(trimPlan(all, { low: 0, high: 1 }), ['newcomer', 'new member'])
})

const anyone = fc.record({
  worth: fc.integer({ min: 0, max: 200 }),
  direction: fc.constantFrom('inbound' as const, 'outbound' as const),
  ageMs: fc.integer({ min: 0, max: 3 * GRACE_MS }),
  streams: fc.integer({ min: 0, max: 3 }),
  recentBytes: fc.nat(100_000),
  isRelayed: fc.boolean(),
  crowd: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
})
const crowd = fc
  .array(anyone, { maxLength: 40 })
  .map(all => all.map((facts, at) => ({ id: `${at}`, ...facts })))
const marks = fc
  .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 10 }))
  .map(([low, more]) => ({ low, high: low + more }))

t.test('whoever is there: never below the low mark, never above the high one', async () => {
  fc.assert(
    fc.property(crowd, marks, (all, marks) => {
      const plan = trimPlan(all, marks)
      const left = all.length - plan.length
      const isUnique = new Set(plan).size === plan.length
      if (all.length < marks.high) return plan.length === 0
      return isUnique && left >= marks.low && left <= marks.high
    }),
  )
})

t.test('a connection that is worth more never goes before one like it that is worth less', async () => {
  fc.assert(
    fc.property(crowd, marks, anyone, fc.integer({ min: 1, max: 200 }), (all, marks, facts, more) => {
      const pair = [
        { ...facts, id: 'less' },
        { ...facts, id: 'more', worth: facts.worth + more },
      ]
      const plan = trimPlan([...all, ...pair], marks)
      return !plan.includes('more') || plan.includes('less')
    }),
  )
})

t.test('the order in which connections are given changes nothing but ties', async () => {
  fc.assert(
    fc.property(crowd, marks, (all, marks) => {
      const told = ({ id: _, ...facts }: TrimCandidate): string => JSON.stringify(facts)
      const shown = (from: TrimCandidate[]): string[] =>
        trimPlan(from, marks)
          .flatMap(id => from.filter(one => one.id === id).map(told))
          .sort()
      return shown(all).join() === shown(all.toReversed()).join()
    }),
  )
})
