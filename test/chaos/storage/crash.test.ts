import { randomInt } from 'node:crypto'
import t from 'tap'
import { CUT, crash } from '../../../scripts/bench/crash.ts'

t.test('a node that is killed loses nothing it acknowledged, and goes on', async t => {
  const rows = await crash({ cuts: CUT.length, seed: randomInt(1, 2 ** 31) })
  const figures = Object.fromEntries(rows.map(({ metric, ours }) => [metric, ours]))
  t.match(figures, { lost: 0, corrupt: 0, unopenable: 0, miscounted: 0, unrepeatable: 0 })
  for (const name of CUT) t.equal(figures[`cuts-${name}`], 1, name)
})
