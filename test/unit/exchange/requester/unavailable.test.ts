import t from 'tap'
import { unavailableMessage } from '../../../../plugins/exchange/requester/unavailable.ts'
import { randomBlock } from '../fixture.ts'

t.test('names eight peers and counts the rest', async t => {
  const { cid } = randomBlock(1)
  const answers = new Map(Array.from({ length: 20 }, (_, index) => [`peer${index}`, 'does not have it']))
  const message = unavailableMessage(cid, 20_000, answers)
  t.match(message, `no peer delivered block ${cid} within 20 s; asked 20: peer0: does not have it; peer1`)
  t.ok(message.endsWith('peer7: does not have it; and 12 more'))
})
