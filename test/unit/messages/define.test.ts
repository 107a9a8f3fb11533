import t from 'tap'
import { defineProtocol, type MessageCodec } from '../../../core/api.ts'
import { startNode, startStockNode } from '../network/nodes.ts'

const json: MessageCodec<{ text: string }> = {
  encode: message => Buffer.from(JSON.stringify(message)),
  decode: bytes => JSON.parse(Buffer.from(bytes).toString()),
}
const limits = {
  maxMessageBytes: 1024,
  idleTimeoutMs: 5000,
  maxStreamsPerPeer: 8,
  streamsPerSecond: 100,
  trust: 'anyone',
  timeoutMs: 5000,
} as const
const shout = defineProtocol({ id: '/test/shout/1.0.0', request: json, response: json, limits })

t.test('asks and answers, many at once', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  await shout.handle(bob.port, async ({ text }, { peer }) => {
    t.ok(peer.equals(alice.port.self))
    return { text: text.toUpperCase() }
  })
  await alice.port.dial(bob.port.addresses())
  const asked = ['one', 'two', 'three', 'four']
  const answers = await Promise.all(asked.map(text => shout.call(alice.port, bob.port.self, { text })))
  t.same(
    answers.map(({ text }) => text),
    ['ONE', 'TWO', 'THREE', 'FOUR'],
  )
  const row = bob.network.protocols().find(({ id }) => id === '/test/shout/1.0.0')
  t.match(row, { openStreams: 0, maxMessageBytes: 1024 })
})

t.test('errors say what went wrong', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  await alice.port.dial(bob.port.addresses())
  const call = (definition = shout, options = {}) =>
    definition.call(alice.port, bob.port.self, { text: 'hello' }, options)

  await t.rejects(call(), { code: 'PROTOCOL_UNSUPPORTED' })

  await shout.handle(bob.port, async () => {
    throw new Error('a secret')
  })
  await t.rejects(call(), { code: 'REQUEST_FAILED', message: /^(?!.*secret)/ })

  const slow = defineProtocol({
    id: '/test/slow/1.0.0',
    request: json,
    response: json,
    limits: { ...limits, timeoutMs: 200 },
  })
  let given = Promise.withResolvers<void>()
  await slow.handle(
    bob.port,
    (_, { signal }) =>
      new Promise(resolve => {
        given.resolve()
        signal.addEventListener('abort', () => resolve({ text: 'too late' }))
      }),
  )
  await t.rejects(call(slow), { code: 'PEER_TIMEOUT', message: /within 200 ms/ })
  given = Promise.withResolvers()
  const cancel = new AbortController()
  const calling = call(slow, { signal: cancel.signal })
  await given.promise
  cancel.abort(new Error('never mind'))
  await t.rejects(calling, { message: 'never mind' })

  const wordy = defineProtocol({ id: '/test/wordy/1.0.0', request: json, response: json, limits })
  await wordy.handle(bob.port, async () => ({ text: 'x'.repeat(2000) }))
  await t.rejects(call(wordy), { code: 'FRAME_TOO_LARGE' })
  t.match(alice.peers.get(bob.port.self), { evidence: { 'protocol-violation': 1 } })
})

t.test('a request that is no message is charged and reset, an answer that is none too', async t => {
  const [ours, stock] = [await startNode(t), await startStockNode(t)]
  await shout.handle(ours.port, async request => request)
  await stock.dial(ours.port.addresses())
  const stream = await stock.dialProtocol(ours.port.self, shout.protocol.id)
  const reset = new Promise<void>(resolve => stream.addEventListener('close', () => resolve()))
  stream.send(Uint8Array.of(2, 0x7b, 0x7b))
  await reset
  t.same(ours.peers.get(stock.peerId)?.evidence, { 'protocol-violation': 1 })

  await stock.handle('/test/bad/1.0.0', async stream => {
    stream.send(Uint8Array.of(1, 0x7b))
    await stream.close()
  })
  const bad = defineProtocol({ id: '/test/bad/1.0.0', request: json, response: json, limits })
  await t.rejects(bad.call(ours.port, stock.peerId, { text: 'hello' }), { code: 'FRAME_MALFORMED' })
  t.same(ours.peers.get(stock.peerId)?.evidence, { 'protocol-violation': 2 })

  await stock.handle('/test/twice/1.0.0', async stream => {
    const answer = json.encode({ text: 'x' })
    for (let time = 0; time < 2; time++)
      stream.send(Buffer.concat([Buffer.from([answer.byteLength]), answer]))
    await stream.close()
  })
  const twice = defineProtocol({ id: '/test/twice/1.0.0', request: json, response: json, limits })
  await t.rejects(twice.call(ours.port, stock.peerId, { text: 'hello' }), {
    code: 'FRAME_MALFORMED',
    message: /more than one answer/,
  })

  await stock.handle('/test/mute/1.0.0', async stream => stream.close())
  const mute = defineProtocol({ id: '/test/mute/1.0.0', request: json, response: json, limits })
  await t.rejects(mute.call(ours.port, stock.peerId, { text: 'hello' }), {
    code: 'REQUEST_FAILED',
    message: /without an answer/,
  })
})
