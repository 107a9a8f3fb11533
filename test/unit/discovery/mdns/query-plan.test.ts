import t from 'tap'
import { queryWaitMs } from '../../../../plugins/discovery/mdns/query-plan.ts'

t.test('queries come ever more rarely, down to one an interval', async t => {
  const waits = Array.from({ length: 11 }, (_, at) => queryWaitMs(at + 1, 300_000, 0.5))
  t.same(
    waits.map(ms => Math.round(ms / 1000)),
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300],
  )
})

t.test('chance keeps nodes out of step, by a tenth either way', async t => {
  t.equal(queryWaitMs(1, 300_000, 0), 900)
  t.equal(Math.round(queryWaitMs(1, 300_000, 0.999999)), 1100)
})

t.test('a short interval counts from the start', async t => {
  t.equal(queryWaitMs(5, 1000, 0.5), 1000)
})
