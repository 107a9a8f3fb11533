import { getEventListeners } from 'node:events'
import t from 'tap'
import type { Channel } from '../../../../core/api.ts'
import { ServeStream } from '../../../../plugins/exchange/server/serve-stream.ts'
import type { Serving } from '../../../../plugins/exchange/server/serving.ts'
import { decodeReply, encodeRequest, MAX_BATCH, Mode } from '../../../../plugins/exchange/wire/codec.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { startNode } from '../../network/nodes.ts'
import { connect, gone, open, randomBlock, startPeer, type TestBlock } from '../fixture.ts'

const BATCHES = 200

/** A node that has nothing and serves nobody else. */
const host = {
  sizeOf: () => undefined,
  enqueue: () => false,
  dequeue() {},
  giveBack() {},
  giveBackUnsent() {},
  questioned() {},
  delayMs: () => 0,
  shipped() {},
}

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

t.test('what was read and is cancelled is given back as read in vain', async t => {
  const BYTES = 2 * 1024 * 1024
  const requester = await startNode(t)
  const { cid } = randomBlock(1)
  const ready: Serving[] = []
  const unsent: number[] = []
  const holder = await startPeer(t, channel =>
    new ServeStream(
      { isMetered: false },
      {
        channel,
        host: {
          ...host,
          sizeOf: () => BYTES,
          enqueue(serving: Serving) {
            setImmediate(() => {
              serving.asker.fulfil(serving, new Uint8Array(BYTES))
              ready.push(serving)
            })
            return true
          },
          giveBackUnsent: (_, bytes) => void unsent.push(bytes),
        },
      },
    ).run(),
  )
  await connect(requester, holder)
  const channel = await open(requester, holder)
  const wants = [1, 2, 3, 4, 5, 6, 7, 8].map(id => ({ id, cid, mode: Mode.BLOCK, sizeHint: 0 }))
  await channel.write(encodeRequest({ wants, cancels: [] }))
  await eventually('all to be read', () => ready.length === 8 || undefined)
  // Those before are on their way, as far as there is room on it: nobody reads them.
  await channel.write(encodeRequest({ wants: [], cancels: [7, 8] }))
  await eventually('two to be given back', () => unsent.length === 2 || undefined)
  channel.abort(new Error('enough'))
  await eventually('what waited for its turn', () => unsent.length > 2 || undefined)
  t.same(unsent.slice(0, 2), [BYTES, BYTES])
})

t.test('questions that bring no block are counted, and who asks too many is read later', async t => {
  const DELAY_MS = 50
  const requester = await startNode(t)
  const [held, missing] = [randomBlock(10), randomBlock(10)]
  const counts: number[] = []
  const readMs: number[] = []
  const holder = await startPeer(t, channel =>
    new ServeStream(
      { isMetered: false },
      {
        channel,
        host: {
          ...host,
          sizeOf: cid => (cid.equals(held.cid) ? 10 : undefined),
          questioned(_, count) {
            counts.push(count)
            readMs.push(performance.now())
          },
          delayMs: () => (counts.length === 1 ? DELAY_MS : 0),
        },
      },
    ).run(),
  )
  await connect(requester, holder)
  const channel = await open(requester, holder)
  const wantOf = ({ cid }: TestBlock, mode: Mode, id: number) => ({ id, cid, mode, sizeHint: 0 })
  const wants = [
    wantOf(held, Mode.HAVE, 1),
    wantOf(held, Mode.BLOCK, 2),
    wantOf(missing, Mode.HAVE, 3),
    wantOf(missing, Mode.BLOCK, 4),
  ]
  await channel.write(encodeRequest({ wants, cancels: [] }))
  await channel.write(encodeRequest({ wants: [wantOf(held, Mode.BLOCK, 5)], cancels: [] }))
  await eventually('both to be read', () => counts.length === 2 || undefined)
  t.same(counts, [3, 0])
  const [first = 0, second = 0] = readMs
  // A timer may be a millisecond early.
  t.ok(second - first >= DELAY_MS - 1)
  channel.abort(new Error('enough'))
})
