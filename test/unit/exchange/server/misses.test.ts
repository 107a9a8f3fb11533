import t from 'tap'
import { keyOf } from '../../../../plugins/exchange/block-key.ts'
import { Misses } from '../../../../plugins/exchange/server/misses.ts'
import { MAX_MISSES } from '../../../../plugins/exchange/wire/codec.ts'
import { randomBlocks } from '../fixture.ts'

t.test('a miss is told once, and the oldest are forgotten', async t => {
  const misses = new Misses()
  const cids = randomBlocks(MAX_MISSES + 1, 8).map(({ cid }) => cid)
  for (const cid of cids) misses.add(keyOf(cid), cid)
  const [oldest, next] = cids.map(keyOf)
  t.equal(misses.take(oldest ?? ''), undefined)
  t.equal(misses.take(next ?? ''), cids[1])
  t.equal(misses.take(next ?? ''), undefined)
})
