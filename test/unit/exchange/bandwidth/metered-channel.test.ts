import t from 'tap'
import type { Channel } from '../../../../core/api.ts'
import { MeteredChannel } from '../../../../plugins/exchange/bandwidth/metered-channel.ts'
import { Pacer } from '../../../../plugins/exchange/bandwidth/pacer.ts'
import { PROTOCOL } from '../../../../plugins/exchange/wire/codec.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { startNode } from '../../network/nodes.ts'
import { FakeClock } from './fake-clock.ts'

const RATE = 1_000_000
const KIB = 1024

interface Ends {
  readonly here: MeteredChannel
  readonly there: Channel
  /** A second stream to the same peer, within the same caps. */
  readonly beside: { readonly here: MeteredChannel; readonly there: Channel }
  readonly clock: FakeClock
  readonly counts: { sent: number; received: number }
}

/** Channels between two nodes, metered at this end by a clock of the test's own. */
async function open(t: { teardown(end: () => unknown): void }): Promise<Ends> {
  const [one, other] = [await startNode(t), await startNode(t)]
  const ended = Promise.withResolvers<void>()
  t.teardown(() => ended.resolve())
  let accept = (_channel: Channel): void => {}
  await other.port.handle(PROTOCOL, async channel => {
    accept(channel)
    await ended.promise
  })
  await one.port.dial(other.port.addresses())
  const clock = new FakeClock()
  const counts = { sent: 0, received: 0 }
  const meter = {
    upload: new Pacer(RATE, clock),
    download: new Pacer(RATE, clock),
    count(direction: 'sent' | 'received', bytes: number) {
      counts[direction] += bytes
    },
  }
  const pair = async (): Promise<Ends['beside']> => {
    const accepted = new Promise<Channel>(resolve => {
      accept = resolve
    })
    const here = new MeteredChannel(await one.port.open(other.port.self, PROTOCOL), meter)
    return { here, there: await accepted }
  }
  return { ...(await pair()), beside: await pair(), clock, counts }
}

t.test('writes wait for the cap part by part, leave in their order, and are counted', async t => {
  const { here, there, clock, counts } = await open(t)
  const block = new Uint8Array(400 * KIB)
  const total = 2 + 2 + 2 + 2 * block.byteLength
  const writing = [
    here.write(Uint8Array.of(1), block),
    here.write(Uint8Array.of(2), block),
    here.write(Uint8Array.of(3)),
    here.close(),
  ]
  t.same(await there.read(), Uint8Array.of(1))
  await there.readPayload(block.byteLength)
  t.same(await there.read(), Uint8Array.of(2))
  const reading = there.readPayload(block.byteLength)
  await eventually('the cap to hold', () => clock.waiting || undefined)
  t.ok(
    counts.sent >= RATE / 2 && counts.sent < RATE / 2 + 16 * KIB,
    `${counts.sent} bytes in the first burst`,
  )
  clock.advance(700)
  await reading
  t.same(await there.read(), Uint8Array.of(3))
  t.equal(await there.read(), undefined, 'and the end comes last')
  await Promise.all(writing)
  t.equal(counts.sent, total)
})

t.test('questions go out while blocks wait on other streams', async t => {
  const { here, beside, clock } = await open(t)
  const writing = here.write(Uint8Array.of(1), new Uint8Array(2 * RATE))
  await eventually('the block to wait', () => clock.waiting || undefined)
  await beside.here.write(Uint8Array.of(2))
  t.same(await beside.there.read(), Uint8Array.of(2))
  t.ok(clock.waiting, 'and no time has passed')
  here.abort(new Error('enough'))
  await t.rejects(writing)
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
  const writing = here.write(Uint8Array.of(1), new Uint8Array(2 * RATE))
  await eventually('it to wait', () => clock.waiting || undefined)
  here.abort(new Error('enough'))
  await t.rejects(writing)
  t.notOk(clock.waiting)
  await t.rejects(
    there.read().then(() => there.readPayload(2 * RATE)),
    { code: 'STREAM_CLOSED' },
  )
})

t.test('a write that gives up within a frame ends its stream: the rest would make no sense', async t => {
  const { here, there, clock } = await open(t)
  const gone = new AbortController()
  const writing = here.write(Uint8Array.of(1), new Uint8Array(2 * RATE), { signal: gone.signal })
  await eventually('it to wait', () => clock.waiting || undefined)
  gone.abort(new Error('no longer'))
  await t.rejects(writing, { message: 'no longer' })
  await t.rejects(
    there.read().then(() => there.readPayload(2 * RATE)),
    { code: 'STREAM_CLOSED' },
  )
})
