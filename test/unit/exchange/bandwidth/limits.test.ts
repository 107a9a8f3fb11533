import t from 'tap'
import type { BandwidthConfig } from '../../../../plugins/exchange/bandwidth/config.ts'
import {
  type Level,
  levelOf,
  limitsAnything,
  limitsAt,
} from '../../../../plugins/exchange/bandwidth/limits.ts'

const NONE: BandwidthConfig = {
  uploadBytesPerSecond: undefined,
  downloadBytesPerSecond: undefined,
  monthlyBytes: undefined,
  monthStartDay: 1,
  onNearlySpent: 'warn',
  onSpent: 'stop-serving',
  slowBytesPerSecond: 256_000,
  exemptLan: true,
}

t.test('how much of the volume is used', async t => {
  const rows: [used: number, budget: number | undefined, level: Level][] = [
    [1e15, undefined, 'normal'],
    [0, 100, 'normal'],
    [79, 100, 'normal'],
    [80, 100, 'nearly-spent'],
    [99, 100, 'nearly-spent'],
    [100, 100, 'spent'],
    [1000, 100, 'spent'],
  ]
  for (const [used, budget, level] of rows) t.equal(levelOf(used, budget), level, `${used} of ${budget}`)
})

t.test('what applies now', async t => {
  const infinite = Number.POSITIVE_INFINITY
  type Row = [
    level: Level,
    Partial<BandwidthConfig>,
    up: number,
    down: number,
    serves: boolean,
    fetches: boolean,
  ]
  const rows: Row[] = [
    ['normal', {}, infinite, infinite, true, true],
    ['normal', { uploadBytesPerSecond: 1e6 }, 1e6, infinite, true, true],
    ['normal', { onNearlySpent: 'slow', onSpent: 'slow' }, infinite, infinite, true, true],
    ['nearly-spent', { downloadBytesPerSecond: 2e6 }, infinite, 2e6, true, true],
    ['nearly-spent', { onNearlySpent: 'slow' }, 256_000, 256_000, true, true],
    ['nearly-spent', { onNearlySpent: 'slow', uploadBytesPerSecond: 1e5 }, 1e5, 256_000, true, true],
    ['nearly-spent', { onSpent: 'stop' }, infinite, infinite, true, true],
    ['spent', { onSpent: 'warn', uploadBytesPerSecond: 1e6 }, 1e6, infinite, true, true],
    ['spent', { onSpent: 'slow', uploadBytesPerSecond: 1e6 }, 256_000, 256_000, true, true],
    ['spent', {}, infinite, infinite, false, true],
    ['spent', { onSpent: 'stop' }, infinite, infinite, false, false],
  ]
  for (const [level, config, uploadBytesPerSecond, downloadBytesPerSecond, serves, fetches] of rows) {
    t.same(
      limitsAt(level, { ...NONE, ...config }),
      { uploadBytesPerSecond, downloadBytesPerSecond, serves, fetches },
      `${level} ${JSON.stringify(config)}`,
    )
  }
})

t.test('nothing is limited by default', async t => {
  t.notOk(limitsAnything(NONE))
  for (const key of ['uploadBytesPerSecond', 'downloadBytesPerSecond', 'monthlyBytes'])
    t.ok(limitsAnything({ ...NONE, [key]: 1e6 }), key)
})
