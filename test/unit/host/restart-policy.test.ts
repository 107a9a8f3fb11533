import fc from 'fast-check'
import t from 'tap'
import {
  afterFailure,
  BREAK_AFTER,
  BROKEN_DELAY_MS,
  type FailureRow,
  FIRST_DELAY_MS,
  kindOf,
  MAX_DELAY_MS,
  STABLE_RUN_MS,
} from '../../../core/host/restart-policy.ts'

const longest = () => 1

function failures(kinds: readonly string[], ranMs = 0) {
  let row: FailureRow | undefined
  return kinds.map(kind => {
    const verdict = afterFailure(row, kind, ranMs, longest)
    row = verdict.row
    return verdict
  })
}

t.test('waits double up to a limit', async t => {
  const kinds = Array.from({ length: 12 }, (_, index) => `kind ${index}`)
  const delays = failures(kinds).map(verdict => verdict.delayMs / FIRST_DELAY_MS)
  t.strictSame(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
})

t.test('the same failure again and again breaks the loop, others in between do not', async t => {
  const same = failures(Array(BREAK_AFTER + 1).fill('ECONNREFUSED'))
  t.strictSame(same.map(verdict => verdict.broken).lastIndexOf(false), BREAK_AFTER - 2)
  t.equal(same.at(-1)?.delayMs, BROKEN_DELAY_MS)
  const mixed = failures(Array.from({ length: 30 }, (_, index) => ['EIO', 'EPIPE'][index % 2] ?? ''))
  t.notOk(mixed.some(verdict => verdict.broken))
})

t.test('a long run ends the row', async t => {
  const row = { kind: 'EIO', identical: BREAK_AFTER, total: 40 }
  t.match(afterFailure(row, 'EIO', STABLE_RUN_MS, longest), { broken: false, delayMs: FIRST_DELAY_MS })
  t.match(afterFailure(row, 'EIO', STABLE_RUN_MS - 1, longest), { broken: true })
})

t.test('property: jitter keeps a wait between half of it and the whole', async () => {
  fc.assert(
    fc.property(
      fc.nat(10_000),
      fc.nat(10_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (identical, more, chance) => {
        const row = { kind: 'x', identical, total: identical + more }
        const full = afterFailure(row, 'x', 0, longest).delayMs
        const { delayMs } = afterFailure(row, 'x', 0, () => chance)
        return delayMs >= full / 2 && delayMs <= full && full <= Math.max(MAX_DELAY_MS, BROKEN_DELAY_MS)
      },
    ),
  )
})

t.test('failures are the same by code, else by name and message', async t => {
  t.equal(kindOf(Object.assign(new Error('port 1'), { code: 'EADDRINUSE' })), 'EADDRINUSE')
  t.equal(kindOf(new TypeError('no')), 'TypeError: no')
  t.equal(kindOf('thrown text'), 'thrown text')
})
