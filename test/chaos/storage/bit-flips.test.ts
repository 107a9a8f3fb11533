import { randomInt } from 'node:crypto'
import t from 'tap'
import { bitFlips } from '../../../scripts/bench/bit-flips.ts'

t.test(
  'bits that turn in payloads, index, counts of pins or vault are found, repaired and told, and never given out',
  async t => {
    const rows = await bitFlips({ stores: 1, flips: 100, seed: randomInt(1, 2 ** 31) })
    const figures = Object.fromEntries(rows.map(({ metric, ours }) => [metric, ours]))
    for (const part of ['payload', 'index', 'pins', 'vault']) {
      for (const metric of ['lost-pins-silently', 'unopenable', 'served-corrupt', 'unrepaired'])
        t.equal(figures[`${part}-${metric}`], 0, `${part}: ${metric}`)
    }
    t.equal(figures['payload-restarts'], 0)
    for (const part of ['index', 'pins', 'vault'])
      t.ok((figures[`${part}-restarts`] ?? 2) <= 1, `${part}: one restart at most`)
  },
)
