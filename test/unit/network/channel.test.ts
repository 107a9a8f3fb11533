import { once } from 'node:events'
import type { Libp2p, Stream } from '@libp2p/interface'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import * as varint from 'uint8-varint'
import type { Channel } from '../../../core/network/framing.ts'
import { gone, nextEvent, protocolOf, startNode, startStockNode, type TestNode, text } from './nodes.ts'

/** A channel of ours, and the bare stream of the other side. */
async function connect(
  t: Test,
  limits: Parameters<typeof protocolOf>[0] = {},
): Promise<{ ours: TestNode; stock: Libp2p; channel: Channel; stream: Stream; finish: () => void }> {
  const protocol = protocolOf(limits)
  const [ours, stock] = await Promise.all([startNode(t), startStockNode(t)])
  const handled = Promise.withResolvers<Channel>()
  const finished = Promise.withResolvers<void>()
  await ours.port.handle(protocol, async channel => {
    handled.resolve(channel)
    await finished.promise
  })
  await stock.dial(ours.port.addresses())
  const stream = await stock.dialProtocol(ours.port.self, protocol.id)
  t.teardown(finished.resolve)
  return { ours, stock, channel: await handled.promise, stream, finish: finished.resolve }
}

/** Two channels of ours, on the two ends of one stream. */
async function pair(
  t: Test,
  limits: Parameters<typeof protocolOf>[0] = {},
): Promise<[Channel, Channel, TestNode, TestNode]> {
  const protocol = protocolOf(limits)
  const [alice, bob] = await Promise.all([startNode(t), startNode(t)])
  const handled = Promise.withResolvers<Channel>()
  const finished = Promise.withResolvers<void>()
  await bob.port.handle(protocol, async channel => {
    handled.resolve(channel)
    await finished.promise
  })
  t.teardown(finished.resolve)
  await alice.port.dial(bob.port.addresses())
  return [await alice.port.open(bob.port.self, protocol), await handled.promise, alice, bob]
}

const frame = (message: Uint8Array | string): Uint8Array =>
  Buffer.concat([varint.encode(Buffer.byteLength(message)), Buffer.from(message)])

t.test('messages and payloads in any chunks', async t => {
  const { channel, stream } = await connect(t, { maxStreamsPerPeer: 1000, streamsPerSecond: 1000 })
  const sent = fc.array(
    fc.record({ message: fc.uint8Array({ maxLength: 200 }), payload: fc.uint8Array({ maxLength: 500 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(sent, cuts, async (frames, sizes) => {
      const wire = Buffer.concat(frames.flatMap(({ message, payload }) => [frame(message), payload]))
      let at = 0
      for (const size of [...sizes, wire.byteLength]) {
        if (at < wire.byteLength) stream.send(wire.subarray(at, at + size))
        at += size
      }
      for (const { message, payload } of frames) {
        const read = await channel.read()
        if (!read || !Buffer.from(read).equals(message)) return false
        if (!Buffer.from(await channel.readPayload(payload.byteLength)).equals(payload)) return false
      }
      return true
    }),
    { numRuns: 60 },
  )
})

t.test('what came right behind the handshake is there when the handler reads', async t => {
  const protocol = protocolOf()
  const [ours, stock] = await Promise.all([startNode(t), startStockNode(t)])
  const read = Promise.withResolvers<(string | undefined)[]>()
  await ours.port.handle(protocol, async channel => {
    const messages = [await channel.read(), await channel.read(), await channel.read()]
    read.resolve(messages.map(text))
  })
  await stock.dial(ours.port.addresses())
  const stream = await stock.dialProtocol(ours.port.self, protocol.id)
  stream.send(Buffer.concat([frame('early'), frame('bird')]))
  await stream.close()
  t.same(await read.promise, ['early', 'bird', undefined])
})

t.test('a half-closed stream still carries the other half', async t => {
  const [alice, bob] = await pair(t)
  await alice.write(Buffer.from('question'))
  await alice.close()
  t.equal(text(await bob.read()), 'question')
  t.equal(await bob.read(), undefined)
  t.ok(bob.ended)
  t.notOk(bob.signal.aborted)
  const answering = bob
    .write(Buffer.from('answer'), new Uint8Array(3 * 1024 * 1024).fill(1))
    .then(() => bob.close())
  t.equal(text(await alice.read()), 'answer')
  t.equal((await alice.readPayload(3 * 1024 * 1024)).byteLength, 3 * 1024 * 1024)
  t.equal(await alice.read(), undefined)
  await answering
  t.ok(alice.signal.aborted, 'both halves are closed, so it is gone')
  await t.rejects(alice.write(Buffer.from('more')), { code: 'STREAM_CLOSED' })
})

t.test('a slow reader still gets all of a stream that both sides have long closed', async t => {
  const [alice, bob] = await pair(t)
  const bytes = 400 * 1024
  await alice.close()
  await bob.write(Buffer.from('big'), new Uint8Array(bytes).fill(9))
  const over = once(alice.signal, 'abort')
  await bob.close()
  await over
  t.notOk(alice.ended, 'it is gone, but not read')
  t.equal(text(await alice.read()), 'big')
  t.ok((await alice.readPayload(bytes)).every(byte => byte === 9))
  t.equal(await alice.read(), undefined)
  t.ok(alice.ended)
})

t.test('a reset ends reads, writes and the signal', async t => {
  const [alice, bob] = await pair(t)
  const reading = bob.read()
  const aborted = once(bob.signal, 'abort')
  alice.abort(new Error('enough'))
  await t.rejects(reading, { code: 'STREAM_CLOSED' })
  await aborted
  t.ok(bob.ended)
  await t.rejects(bob.read(), { code: 'STREAM_CLOSED' })
  await t.rejects(bob.write(Buffer.from('x')), { code: 'STREAM_CLOSED' })
  await t.rejects(alice.read(), { code: 'STREAM_CLOSED' }, 'on the side that did it, too')
})

t.test('a lost connection is no clean end', async t => {
  const [alice, bob, , other] = await pair(t)
  const reading = bob.read()
  const payload = alice.readPayload(10)
  for (const connection of other.port.connections()) connection.abort(new Error('cable cut'))
  await t.rejects(reading, { code: 'STREAM_CLOSED' })
  await t.rejects(payload, { code: 'STREAM_CLOSED' })
})

t.test('an end within a frame is no clean end', async t => {
  const { channel, stream } = await connect(t)
  stream.send(frame('whole message').subarray(0, 5))
  await stream.close()
  await t.rejects(channel.read(), { code: 'STREAM_CLOSED', message: /bytes early/ })
})

t.test('a slow reader makes the sender wait, and costs little memory', async t => {
  const [alice, bob] = await pair(t)
  const payload = new Uint8Array(1024 * 1024)
  const count = 24
  let sent = 0
  const sending = (async () => {
    for (let index = 0; index < count; index++) {
      await alice.write(Buffer.from([index]), payload)
      sent++
    }
  })()
  t.same(await bob.read(), Buffer.from([0]))
  // A ping back and forth on another stream gives what can move the time to move.
  for (let round = 0; round < 20; round++) await new Promise(resolve => setImmediate(resolve))
  t.ok(sent < 6, `${sent} of ${count} MiB went while nobody read`)
  await bob.readPayload(payload.byteLength)
  for (let index = 1; index < count; index++) {
    t.same(await bob.read(), Buffer.from([index]))
    await bob.readPayload(payload.byteLength)
    t.ok(sent - index < 6, 'and never much more than was read')
  }
  await sending
})

t.test('writes leave in the order of the calls, also past what the stream takes at once', async t => {
  const [alice, bob] = await pair(t)
  const payload = new Uint8Array(700 * 1024)
  const writes = Array.from({ length: 12 }, (_, index) => alice.write(Buffer.from([index]), payload))
  for (let index = 0; index < 12; index++) {
    t.same(await bob.read(), Buffer.from([index]))
    await bob.readPayload(payload.byteLength)
  }
  await Promise.all(writes)
})

t.test('an oversize frame resets the stream and is charged, before anything is allocated', async t => {
  const { ours, stock, channel, stream } = await connect(t, { maxMessageBytes: 100 })
  const charged = nextEvent(ours.events, 'peer:evidence')
  const reset = gone(stream)
  stream.send(varint.encode(2 ** 34))
  await t.rejects(channel.read(), { code: 'FRAME_TOO_LARGE', message: /17179869184 bytes came, 100/ })
  t.match(await charged, { kind: 'protocol-violation' })
  t.match(await reset, { name: 'StreamResetError' })
  t.match(ours.peers.get(stock.peerId), { evidence: { 'protocol-violation': 1 } })
})

t.test('a malformed length resets the stream and is charged', async t => {
  const { ours, stock, channel, stream } = await connect(t)
  const reset = gone(stream)
  stream.send(new Uint8Array(10).fill(0xff))
  await t.rejects(channel.read(), { code: 'FRAME_MALFORMED' })
  await reset
  t.match(ours.peers.get(stock.peerId), { evidence: { 'protocol-violation': 1 } })
})

t.test('a quiet stream is reset after its time, and nobody is charged', async t => {
  const { ours, stock, channel, stream } = await connect(t, { idleTimeoutMs: 150 })
  const reset = gone(stream)
  await t.rejects(channel.read(), { code: 'STREAM_CLOSED', message: /nothing moved for 150 ms/ })
  await reset
  t.same(ours.peers.get(stock.peerId)?.evidence, {})
})

t.test('a peer that stops within a frame is charged with it', async t => {
  const { ours, stock, channel, stream } = await connect(t, { idleTimeoutMs: 150 })
  stream.send(frame('never to be whole').subarray(0, 4))
  await t.rejects(channel.read(), { code: 'STREAM_CLOSED' })
  t.same(ours.peers.get(stock.peerId)?.evidence, { timeout: 1 })
})

t.test('a peer that drips a frame byte by byte is cut off and charged with it', async t => {
  const { ours, stock, channel, stream } = await connect(t, { idleTimeoutMs: 200 })
  stream.send(frame(new Uint8Array(200)).subarray(0, 4))
  const drip = setInterval(() => stream.status === 'open' && stream.send(Uint8Array.of(0)), 40)
  t.teardown(() => clearInterval(drip))
  await t.rejects(channel.read(), { code: 'STREAM_CLOSED', message: /a frame takes too long/ })
  t.same(ours.peers.get(stock.peerId)?.evidence, { timeout: 1 })
})

t.test('a peer that asks and does not read is cut off and charged with it', async t => {
  const { ours, stock, channel, stream } = await connect(t, { idleTimeoutMs: 200 })
  stream.pause()
  await t.rejects(channel.write(new Uint8Array(8), new Uint8Array(4 * 1024 * 1024)), {
    code: 'STREAM_CLOSED',
    message: /stopped within a frame/,
  })
  t.same(ours.peers.get(stock.peerId)?.evidence, { timeout: 1 })
})

t.test('bytes in either direction keep a stream alive', async t => {
  const { channel, stream } = await connect(t, { idleTimeoutMs: 300 })
  const started = performance.now()
  while (performance.now() - started < 900) {
    const arrived = once(stream, 'message')
    await channel.write(Buffer.from('tick'))
    await arrived
    stream.send(frame('tock'))
    if (text(await channel.read()) !== 'tock') t.fail('another message')
  }
  t.notOk(channel.signal.aborted)
})

t.test('an aborted read between frames leaves the stream, within a frame it resets it', async t => {
  const { channel, stream } = await connect(t)
  const between = new AbortController()
  const waiting = channel.read({ signal: between.signal })
  between.abort(new Error('later'))
  await t.rejects(waiting, { message: 'later' })
  stream.send(frame('still here'))
  t.equal(text(await channel.read()), 'still here')

  const within = new AbortController()
  const reset = gone(stream)
  stream.send(frame('half of it').subarray(0, 3))
  const half = channel.readPayload(100, { signal: within.signal })
  within.abort(new Error('no more'))
  await t.rejects(half, { message: 'no more' })
  await reset
})

t.test('an aborted write that waits its turn sends nothing', async t => {
  const [alice, bob] = await pair(t)
  const first = alice.write(Buffer.from('first'), new Uint8Array(4 * 1024 * 1024))
  const cancel = new AbortController()
  const second = alice.write(Buffer.from('second'), undefined, { signal: cancel.signal })
  const third = alice.write(Buffer.from('third'))
  cancel.abort(new Error('changed my mind'))
  await t.rejects(second, { message: 'changed my mind' })
  t.equal(text(await bob.read()), 'first')
  await bob.readPayload(4 * 1024 * 1024)
  t.equal(text(await bob.read()), 'third')
  await Promise.all([first, third])
})

t.test('a message waits for its reader to have memory, and is refused with the stream', async t => {
  const [alice, bob] = await pair(t)
  await alice.write(Buffer.from('first'))
  await alice.write(Buffer.from('second'))
  const lengths: number[] = []
  const room = Promise.withResolvers<void>()
  const first = bob.read({
    admit(bytes) {
      lengths.push(bytes)
      return room.promise
    },
  })
  t.equal(
    await Promise.race([first, alice.write(Buffer.from('third'))]),
    undefined,
    'nothing before there is room',
  )
  room.resolve()
  t.equal(text(await first), 'first')
  const refused = new Error('not that much')
  await t.rejects(bob.read({ admit: () => Promise.reject(refused) }), refused)
  t.equal(bob.signal.aborted, true)
  t.same(lengths, [5])
})

t.test('a payload may be the end of its message', async t => {
  const [alice, bob] = await pair(t)
  const payload = new Uint8Array(300).fill(7)
  await alice.write(Buffer.from('head'), payload, { joined: true })
  await alice.write(Buffer.from('next'), undefined, { joined: true })
  t.same(await bob.read(), new Uint8Array([...Buffer.from('head'), ...payload]))
  t.equal(text(await bob.read()), 'next')
})

t.test('two reads at once are a mistake of the caller', async t => {
  const [alice] = await pair(t)
  const first = alice.read()
  await t.rejects(alice.read(), TypeError)
  alice.abort(new Error('done'))
  await t.rejects(first, { code: 'STREAM_CLOSED' })
})
