import t from 'tap'
import { PeerRates } from '../../../../plugins/exchange/server/peer-rates.ts'

t.test('who spends within the rate waits for nothing; who spends more waits until it is paid', async t => {
  const clock = { nowMs: 0 }
  const rates = new PeerRates({ perSecond: 4, burst: 64 }, { now: () => clock.nowMs })
  t.equal(rates.waitMs('stranger'), 0)
  for (let second = 0; second < 3600; second++) {
    clock.nowMs += 1000
    rates.spend('modest', 4)
  }
  t.equal(rates.waitMs('modest'), 0, 'for an hour')
  rates.spend('greedy', 66)
  t.equal(rates.waitMs('greedy'), 500)
  t.equal(rates.waitMs('modest'), 0, 'each by itself')
  clock.nowMs += 400
  t.equal(rates.waitMs('greedy'), 100)
  clock.nowMs += 100
  t.equal(rates.waitMs('greedy'), 0)
})

t.test('a bounded number of peers is remembered', async t => {
  const rates = new PeerRates({ perSecond: 1, burst: 1 }, { now: () => 0 })
  rates.spend('first', 10)
  rates.spend('second', 10)
  for (let peer = 0; peer < 1023; peer++) rates.spend(`${peer}`, 1)
  t.same([rates.waitMs('first'), rates.waitMs('second')], [0, 9000])
})
