import t from 'tap'
import { VainReads } from '../../../../plugins/exchange/server/vain-reads.ts'

const MIB = 1024 * 1024

t.test(
  'who takes back a window now and then is read for; who does nothing else is not, for a while',
  async t => {
    const clock = { nowMs: 0 }
    const reads = new VainReads({ now: () => clock.nowMs })
    t.equal(reads.areTooMany('stranger'), false)
    for (let second = 0; second < 3600; second++) {
      clock.nowMs += 1000
      reads.add('modest', 2 * MIB)
    }
    t.equal(reads.areTooMany('modest'), false, 'a window of the smallest, each second for an hour')
    for (let time = 0; time < 33; time++) reads.add('greedy', 2 * MIB)
    t.equal(reads.areTooMany('greedy'), true)
    t.equal(reads.areTooMany('modest'), false, 'each by itself')
    clock.nowMs += 400
    t.equal(reads.areTooMany('greedy'), true)
    clock.nowMs += 100
    t.equal(reads.areTooMany('greedy'), false)
  },
)

t.test('a bounded number of peers is remembered', async t => {
  const reads = new VainReads({ now: () => 0 })
  reads.add('first', 100 * MIB)
  reads.add('second', 100 * MIB)
  for (let peer = 0; peer < 1023; peer++) reads.add(`${peer}`, 1)
  t.same([reads.areTooMany('first'), reads.areTooMany('second')], [false, true])
})
