import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { redialDelayMs } from '../../../plugins/discovery/backoff.ts'

const limits = { minBackoffMs: 5000, maxBackoffMs: 600_000 }

t.test('the wait doubles with each failure, up to a limit', async t => {
  const table = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map(failures => redialDelayMs(failures, limits, 0.5) / 750)
  t.same(table, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600])
})

t.test('chance decides about the later half', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, random) => {
        const delayMs = redialDelayMs(failures, limits, random)
        const fullMs = Math.min(limits.maxBackoffMs, limits.minBackoffMs * 2 ** (failures - 1))
        assert.ok(delayMs >= fullMs / 2 && delayMs < fullMs, `${delayMs} of ${fullMs}`)
      },
    ),
  )
})
