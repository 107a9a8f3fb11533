import t from 'tap'
import { banDurationMs, isBannable } from '../../../plugins/reputation/ban-policy.ts'
import { schema, validate } from '../../../plugins/reputation/config.ts'
import { NO_STANDING, reported } from '../../../plugins/reputation/standing.ts'

const HOUR_MS = 3_600_000

t.test('each ban is four times as long as the one before, up to the longest', async t => {
  const options = { banMs: schema.banMs.default as number, maxBanMs: schema.maxBanMs.default as number }
  t.same(
    [0, 1, 2, 3, 4, 1000].map(earlier => banDurationMs(earlier, options) / HOUR_MS),
    [1, 4, 16, 64, 168, 168],
  )
})

t.test('a low score bans for what is no accident, and not for a timeout', async t => {
  const report = { kind: 'invalid-block', detail: '' } as const
  const low = reported(reported(NO_STANDING, report, 0).standing, report, 0).standing
  t.ok(isBannable(low, { kind: 'overload' }, 0))
  t.notOk(isBannable(low, { kind: 'timeout' }, 0))
  t.notOk(isBannable(NO_STANDING, { kind: 'invalid-block' }, 0))
})

t.test('the longest ban is no shorter than the first', async t => {
  t.throws(() => validate({ banMs: 2000, maxBanMs: 1999 }), { code: 'BAN_TIMES_INVALID' })
  t.doesNotThrow(() => validate({ banMs: 2000, maxBanMs: 2000 }))
})
