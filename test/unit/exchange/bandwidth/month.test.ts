import fc from 'fast-check'
import t from 'tap'
import {
  advance,
  count,
  EARLIEST_MS,
  EMPTY_MONTH,
  type Month,
  monthEnd,
  monthStart,
} from '../../../../plugins/exchange/bandwidth/month.ts'

const DAY_MS = 24 * 3_600_000

const at = (text: string): number => Date.parse(`${text}Z`)

/** A month in which ten bytes were counted. */
function used(startMs: number | undefined): Month {
  return count({ ...EMPTY_MONTH, startMs }, 'sent', 10)
}

t.test('a month begins on its day, in UTC', async t => {
  const rows: [now: string, day: number, start: string, end: string][] = [
    ['2026-11-22T20:00', 1, '2026-11-01T00:00', '2026-12-01T00:00'],
    ['2026-11-01T00:00', 1, '2026-11-01T00:00', '2026-12-01T00:00'],
    ['2026-11-14T23:59', 15, '2026-10-15T00:00', '2026-11-15T00:00'],
    ['2026-11-15T00:00', 15, '2026-11-15T00:00', '2026-12-15T00:00'],
    ['2027-01-03T12:00', 28, '2026-12-28T00:00', '2027-01-28T00:00'],
    ['2028-02-29T12:00', 28, '2028-02-28T00:00', '2028-03-28T00:00'],
  ]
  for (const [now, day, start, end] of rows) {
    const startMs = monthStart(at(now), day)
    t.equal(startMs, at(start), `${now} with day ${day}`)
    t.equal(monthEnd(startMs), at(end))
  }
})

t.test('what a clock does to the volume', async t => {
  const november = at('2026-11-01T00:00')
  const rows: [what: string, before: Month, now: string, startMs: number | undefined, sentBytes: number][] = [
    ['the month goes on', used(november), '2026-11-30T23:59', november, 10],
    ['the next one begins', used(november), '2026-12-01T00:00', at('2026-12-01T00:00'), 0],
    ['years later', used(november), '2029-05-05T00:00', at('2029-05-01T00:00'), 0],
    ['the clock fell back a month', used(november), '2026-10-31T23:00', november, 10],
    ['the clock was not set after a start', used(november), '1970-01-01T00:10', november, 10],
    ['the clock was never set', used(undefined), '1970-01-01T00:10', undefined, 10],
    ['the clock is set for the first time', used(undefined), '2026-11-22T00:00', november, 10],
  ]
  for (const [what, before, now, startMs, sentBytes] of rows) {
    const month = advance(before, { nowMs: at(now), elapsedMs: 1000, startDay: 1 })
    t.match(month, { startMs, sentBytes }, what)
  }
})

t.test('a clock that stays wrong does not hold up the next month for ever', async t => {
  let month = used(at('2080-01-01T00:00'))
  let days = 0
  for (; month.sentBytes > 0; days++) {
    month = advance(month, { nowMs: at('2026-11-22T00:00'), elapsedMs: DAY_MS, startDay: 1 })
  }
  t.equal(days, 31)
  t.equal(month.startMs, at('2026-11-01T00:00'), 'and the year 2080 is forgotten')
})

t.test('doubt ends when the clock is right again', async t => {
  const doubted = advance(used(at('2026-11-01T00:00')), { nowMs: 0, elapsedMs: 20 * DAY_MS, startDay: 1 })
  t.equal(doubted.doubtMs, 20 * DAY_MS)
  const sure = advance(doubted, { nowMs: at('2026-11-25T00:00'), elapsedMs: 1000, startDay: 1 })
  t.match(sure, { doubtMs: 0, sentBytes: 10 })
})

t.test('whatever the clock says, the volume is all that was counted since the month began', async () => {
  const step = fc.record({
    nowMs: fc.integer({ min: 0, max: EARLIEST_MS + 200 * DAY_MS }),
    elapsedMs: fc.integer({ min: 0, max: 3 * DAY_MS }),
    bytes: fc.nat(1000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 28 }), (steps, startDay) => {
      let month = EMPTY_MONTH
      let counted = 0
      for (const { nowMs, elapsedMs, bytes } of steps) {
        const before = month
        month = advance(month, { nowMs, elapsedMs, startDay })
        const began = month.sentBytes === 0 && before.sentBytes > 0
        const later = (month.startMs ?? 0) > (before.startMs ?? Number.POSITIVE_INFINITY)
        if (began && !later && before.doubtMs + elapsedMs < 31 * DAY_MS) return false
        if (began) counted = 0
        month = count(month, 'sent', bytes)
        counted += bytes
        if (month.sentBytes !== counted) return false
      }
      return true
    }),
  )
})
