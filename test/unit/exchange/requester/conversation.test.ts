import t from 'tap'
import { Asks } from '../../../../plugins/exchange/requester/asks.ts'
import { Conversation } from '../../../../plugins/exchange/requester/conversation.ts'
import type { Link } from '../../../../plugins/exchange/requester/link.ts'
import { startNode } from '../../network/nodes.ts'
import { connect, gone, open, startPeer } from '../fixture.ts'

t.test('a channel that the peer keeps half open is reset in the end', async t => {
  const finish = Promise.withResolvers<void>()
  t.teardown(finish.resolve)
  const holder = await startPeer(t, () => finish.promise)
  const node = await startNode(t)
  await connect(node, holder)
  const channel = await open(node, holder)
  const now = (): number => 0
  const conversation = new Conversation({
    link: {} as Link,
    channel,
    asks: new Asks({ maxWindowBytes: 1 }, { now }),
    events: {
      delivered() {},
      verified() {},
      forged() {},
      isWanted: () => false,
      wasted() {},
      answered() {},
      gained() {},
      unsupported() {},
      broken() {},
    },
    progressed() {},
    now,
  })
  const patience = new AbortController()
  await conversation.close(patience.signal)
  t.notOk(channel.signal.aborted)
  const over = gone(channel)
  patience.abort()
  await over
})
