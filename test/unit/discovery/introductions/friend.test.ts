import t from 'tap'
import {
  createFriend,
  dueMs,
  lacks,
  MAX_PENDING,
  owe,
  remember,
} from '../../../../plugins/discovery/introductions/friend.ts'
import { createPeerId } from '../fixture.ts'

t.test('what one is still to be told is bounded, and nothing for who does not listen', async t => {
  const friend = createFriend(await createPeerId(), 'public', 0)
  for (let at = 0; at < 2 * MAX_PENDING; at++) owe(friend, `peer ${at}`)
  t.equal(friend.pending.size, MAX_PENDING)
  t.ok(friend.pending.has(`peer ${2 * MAX_PENDING - 1}`), 'the last stays')
  const deaf = createFriend(await createPeerId(), 'public', 0)
  deaf.speaks = false
  for (let at = 0; at < 1000; at++) owe(deaf, `peer ${at}`)
  t.equal(deaf.pending.size, 0)
  t.equal(dueMs(deaf), Number.POSITIVE_INFINITY)
})

t.test('what one told of it may still be told, and only once', async t => {
  const friend = createFriend(await createPeerId(), 'public', 0)
  t.ok(lacks(friend, 'somebody', 1n))
  remember(friend, 'somebody', 1n, false)
  t.ok(lacks(friend, 'somebody', 1n), 'that this node knows it, too')
  remember(friend, 'somebody', 1n, true)
  t.notOk(lacks(friend, 'somebody', 1n))
  t.ok(lacks(friend, 'somebody', 2n), 'what is newer')
})
