import t from 'tap'
import type { Channel, Protocol } from '../../../../core/api.ts'
import { MeteredChannel } from '../../../../plugins/exchange/bandwidth/metered-channel.ts'
import { Pacer } from '../../../../plugins/exchange/bandwidth/pacer.ts'
import { PROTOCOL } from '../../../../plugins/exchange/wire/codec.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { startNode, type TestNode } from '../../network/nodes.ts'
import { FakeClock } from './fake-clock.ts'

const RATE = 1_000_000
const KIB = 1024

interface Ends {
  readonly here: MeteredChannel
  readonly there: Channel
  readonly clock: FakeClock
  readonly counts: { sent: number; received: number }
}

/** A channel between two nodes, metered at this end by a clock of the test's own. */
async function open(t: { teardown(end: () => unknown): void }): Promise<Ends> {
  const [one, other]: TestNode[] = [await startNode(t), await startNode(t)]
  if (!one || !other) throw new Error('there are no two nodes')
  const accepted = Promise.withResolvers<Channel>()
  const ended = Promise.withResolvers<void>()
  await other.port.handle(PROTOCOL satisfies Protocol, async channel => {
    accepted.resolve(channel)
    await ended.promise
  })
  await one.port.dial(other.port.addresses())
  const clock = new FakeClock()
  const counts = { sent: 0, received: 0 }
  const here = new MeteredChannel(await one.port.open(other.port.self, PROTOCOL), {
    upload: new Pacer(RATE, clock),
    download: new Pacer(RATE, clock),
    count(direction, bytes) {
      counts[direction] += bytes
    },
  })
  t.teardown(() => ended.resolve())
  return { here, there: await accepted.promise, clock, counts }
}

t.test('writes wait for the cap, leave in their order, and are counted with their frames', async t => {
  const { here, there, clock, counts } = await open(t)
  const block = new Uint8Array(600 * KIB)
  await here.write(Uint8Array.of(1), block)
  const waiting = [here.write(Uint8Array.of(2), block), here.write(Uint8Array.of(3)), here.close()]
  t.same(await there.read(), Uint8Array.of(1))
  await there.readPayload(block.byteLength)
  t.equal(counts.sent, 2 + block.byteLength, 'the second has not been sent')
  await eventually('the second to wait', () => clock.waiting || undefined)
  clock.advance(700)
  t.same(await there.read(), Uint8Array.of(2))
  await there.readPayload(block.byteLength)
  t.same(await there.read(), Uint8Array.of(3))
  t.equal(await there.read(), undefined, 'and the end comes last')
  await Promise.all(waiting)
  t.equal(counts.sent, 2 + 2 + 2 + 2 * block.byteLength)
})

t.test('questions go out while blocks wait', async t => {
  const { here, there, clock } = await open(t)
  const block = new Uint8Array(2 * RATE)
  const writing = here.write(Uint8Array.of(1), block)
  await there.read()
  await there.readPayload(block.byteLength)
  await writing
  await here.write(Uint8Array.of(2))
  t.same(await there.read(), Uint8Array.of(2))
  t.notOk(clock.waiting, 'and no time has passed')
})

t.test('what arrives is counted, and the next block waits until it is paid for', async t => {
  const { here, there, clock, counts } = await open(t)
  const block = new Uint8Array(600 * KIB)
  const sending = [1, 2].map(id => there.write(Uint8Array.of(id), block))
  t.same(await here.read(), Uint8Array.of(1))
  await here.readPayload(block.byteLength)
  t.equal(counts.received, 2 + block.byteLength)
  t.same(await here.read(), Uint8Array.of(2), 'a small message does not wait')
  const reading = here.readPayload(block.byteLength)
  await eventually('the block to wait', () => clock.waiting || undefined)
  clock.advance(700)
  t.equal((await reading).byteLength, block.byteLength)
  await Promise.all(sending)
})

t.test('a message is told of before memory is taken for it, and a small one does not wait', async t => {
  const { here, there, clock } = await open(t)
  const [block, message] = [new Uint8Array(2 * RATE), new Uint8Array(64 * KIB)]
  const admitted: number[] = []
  const admit = async (bytes: number): Promise<void> => void admitted.push(bytes)
  const sending = [there.write(Uint8Array.of(1), block), there.write(message)]
  await here.read({ admit })
  await here.readPayload(block.byteLength)
  t.same(await here.read({ admit }), message)
  t.same(admitted, [1, message.byteLength])
  t.notOk(clock.waiting)
  await Promise.all(sending)
})

t.test('a write that waits ends with its stream', async t => {
  const { here, there, clock } = await open(t)
  const block = new Uint8Array(2 * RATE)
  const writing = here.write(Uint8Array.of(1), block)
  await there.read()
  await there.readPayload(block.byteLength)
  await writing
  const waiting = here.write(Uint8Array.of(2), block)
  await eventually('it to wait', () => clock.waiting || undefined)
  here.abort(new Error('enough'))
  await t.rejects(waiting)
  t.notOk(clock.waiting)
})
