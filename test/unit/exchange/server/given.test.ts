import t from 'tap'
import { Given } from '../../../../plugins/exchange/server/given.ts'

t.test('a block is elsewhere once another peer was promised it', async t => {
  const given = new Given()
  t.notOk(given.isElsewhere('block', 'a'))
  given.add('block', 'a')
  t.notOk(given.isElsewhere('block', 'a'), 'not for that peer itself')
  t.ok(given.isElsewhere('block', 'b'))
})

t.test('the oldest are forgotten', async t => {
  const given = new Given()
  for (let block = 0; block < 5000; block++) given.add(`${block}`, 'a')
  t.notOk(given.isElsewhere('0', 'b'))
  t.ok(given.isElsewhere('4999', 'b'))
  t.ok(given.isElsewhere(`${5000 - 4096}`, 'b'))
  t.notOk(given.isElsewhere(`${5000 - 4097}`, 'b'))
})
