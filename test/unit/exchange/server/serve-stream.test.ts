import { getEventListeners } from 'node:events'
import t from 'tap'
import type { Channel } from '../../../../core/api.ts'
import { ServeStream } from '../../../../plugins/exchange/server/serve-stream.ts'
import { decodeReply, encodeRequest, MAX_BATCH, Mode } from '../../../../plugins/exchange/wire/codec.ts'
import { startNode } from '../../network/nodes.ts'
import { connect, gone, open, randomBlock, startPeer } from '../fixture.ts'

const BATCHES = 200

/** A node that has nothing and serves nobody else. */
const host = { sizeOf: () => undefined, enqueue: () => false, dequeue() {}, giveBack() {}, shipped() {} }

/** Asks faster than the answers can leave. */
async function flood(channel: Channel): Promise<void> {
  const { cid } = randomBlock(1)
  for (let batch = 0; batch < BATCHES; batch++) {
    const wants = Array.from({ length: MAX_BATCH }, (_, index) => {
      return { id: batch * MAX_BATCH + index, cid, mode: Mode.HAVE, sizeHint: 0 }
    })
    await channel.write(encodeRequest({ wants, cancels: [] }))
  }
}

t.test(
  'a requester that reads late is waited for many times, and leaves no listener behind each time',
  async t => {
    const requester = await startNode(t)
    let served: Channel | undefined
    let reads = 0
    let mostListeners = 0
    const holder = await startPeer(t, async channel => {
      served = channel
      const before = getEventListeners(channel.signal, 'abort').length
      const watched = new Proxy(channel, {
        get(target, name) {
          if (name === 'read') {
            reads++
            mostListeners = Math.max(
              mostListeners,
              getEventListeners(channel.signal, 'abort').length - before,
            )
          }
          const value = Reflect.get(target, name, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      await new ServeStream({ isMetered: false }, { channel: watched, host }).run()
    })
    await connect(requester, holder)
    const channel = await open(requester, holder)
    const asking = flood(channel)
    let answers = 0
    while (answers < BATCHES * MAX_BATCH) {
      const message = await channel.read()
      if (!message) break
      answers += decodeReply(message).answers.length
    }
    await asking
    t.equal(answers, BATCHES * MAX_BATCH)
    t.ok(reads > BATCHES / 2)
    t.equal(mostListeners, 1)
    await channel.close()
    if (served) await gone(served)
  },
)
