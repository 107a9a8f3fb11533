import t from 'tap'
import { Distrust } from '../../../../plugins/exchange/requester/distrust.ts'

t.test('distrust ends, and lasts from the last offence', async t => {
  let nowMs = 0
  const distrust = new Distrust({ durationMs: 100 }, { now: () => nowMs })
  distrust.add('a')
  nowMs = 60
  distrust.add('a')
  nowMs = 159
  t.ok(distrust.has('a'))
  nowMs = 160
  t.notOk(distrust.has('a'))
  t.equal(distrust.size, 0)
})

t.test('there is a bound: who would be forgiven first goes first', async t => {
  const distrust = new Distrust({ durationMs: 100 }, { now: () => 0 })
  for (let peer = 0; peer < 1025; peer++) distrust.add(`${peer}`)
  t.same([distrust.size, distrust.has('0'), distrust.has('1')], [1024, false, true])
})
