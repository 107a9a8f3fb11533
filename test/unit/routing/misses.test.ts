import t from 'tap'
import { Misses } from '../../../plugins/routing/search/misses.ts'

t.test('what was looked for in vain is remembered for a while', async t => {
  let nowMs = 0
  const misses = new Misses({ durationMs: 100 }, { nowMs: () => nowMs })
  misses.add('a')
  nowMs = 99
  t.ok(misses.has('a'))
  t.notOk(misses.has('b'))
  nowMs = 100
  t.notOk(misses.has('a'))
  misses.add('b')
  t.equal(misses.size, 1, 'what is over is forgotten')
})

t.test('no more than a bound, the oldest leave', async t => {
  const misses = new Misses({ durationMs: 100 }, { nowMs: () => 0 })
  for (let index = 0; index < 5000; index++) misses.add(String(index))
  t.equal(misses.size, 1024)
  t.notOk(misses.has('0'))
  t.ok(misses.has('4999'))
})

t.test('nothing, where it is to be remembered for no time', async t => {
  const misses = new Misses({ durationMs: 0 }, { nowMs: () => 0 })
  misses.add('a')
  t.equal(misses.size, 0)
})
