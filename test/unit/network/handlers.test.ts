import type { Stream } from '@libp2p/interface'
import t from 'tap'
import type { Channel } from '../../../core/network/framing.ts'
import { gone, protocolOf, startNode, startStockNode, text } from './nodes.ts'

t.test('streams beyond the limit are reset and charged, the others live', async t => {
  const protocol = protocolOf({ maxStreamsPerPeer: 3 })
  const [ours, stock] = [await startNode(t), await startStockNode(t)]
  await ours.port.handle(protocol, async channel => {
    for (let message = await channel.read(); message; message = await channel.read())
      await channel.write(message)
  })
  await stock.dial(ours.port.addresses())
  const flood = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const stream = await stock.dialProtocol(ours.port.self, protocol.id)
      const answered = new Promise<'answered'>(resolve => {
        stream.addEventListener('message', () => resolve('answered'), { once: true })
      })
      const reset = stream.status === 'open' ? gone(stream).then(() => 'reset' as const) : 'reset'
      if (stream.status === 'open') stream.send(Uint8Array.of(1, 42))
      return { stream, outcome: await Promise.race([answered, reset]) }
    }),
  )
  const count = (outcome: string): number => flood.filter(each => each.outcome === outcome).length
  t.equal(count('answered'), 3)
  t.equal(count('reset'), 7)
  t.match(ours.peers.get(stock.peerId), { evidence: { overload: 7 } })
  t.match(
    ours.network.protocols().filter(({ id }) => id === protocol.id),
    [{ id: protocol.id, owner: 'test', openStreams: 3 }],
  )
  t.match(
    await ours.metrics.text(),
    /refused_streams_total\{protocol="\/skep\/test\/1.0.0",reason="streams"\} 7/,
  )

  await Promise.all(flood.filter(({ outcome }) => outcome === 'answered').map(({ stream }) => stream.close()))
  const again = await stock.dialProtocol(ours.port.self, protocol.id)
  again.send(Uint8Array.of(1, 7))
  t.same(await firstBytes(again), Buffer.from([1, 7]), 'and whoever has closed may open again')
})

t.test('streams opened too fast are reset and charged', async t => {
  const protocol = protocolOf({ maxStreamsPerPeer: 100, streamsPerSecond: 2 })
  const [ours, stock] = [await startNode(t), await startStockNode(t)]
  let handled = 0
  await ours.port.handle(protocol, async () => {
    handled++
  })
  await stock.dial(ours.port.addresses())
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const stream = await stock.dialProtocol(ours.port.self, protocol.id)
      await stream.close().catch(() => {})
    }),
  )
  t.ok(handled >= 4 && handled < 8, `${handled} of 8 at once got through`)
  t.match(ours.peers.get(stock.peerId), { evidence: { overload: 8 - handled } })
})

t.test('streams of a fleet protocol are reset, and nobody is charged', async t => {
  const protocol = protocolOf({ trust: 'fleet' })
  const [ours, stock] = [await startNode(t), await startStockNode(t)]
  await ours.port.handle(protocol, async () => {
    t.fail('nobody is of the fleet')
  })
  await stock.dial(ours.port.addresses())
  for (let attempt = 0; attempt < 3; attempt++) {
    const stream = await stock.dialProtocol(ours.port.self, protocol.id)
    if (stream.status === 'open') await gone(stream)
    t.equal(stream.status, 'reset')
  }
  t.same(ours.peers.get(stock.peerId)?.evidence, {})
  t.match(
    ours.network.protocols().filter(({ id }) => id === protocol.id),
    [{ id: protocol.id, openStreams: 0 }],
  )
  t.match(
    await ours.metrics.text(),
    /refused_streams_total\{protocol="\/skep\/test\/1.0.0",reason="trust"\} 3/,
  )
})

t.test('streams of a fleet protocol are served to members', async t => {
  const protocol = protocolOf({ trust: 'fleet' })
  const [member, stranger] = [await startNode(t), await startNode(t)]
  const ours = await startNode(t, {
    trusts: (peer, trust) => trust === 'fleet' && peer.equals(member.port.self),
  })
  await ours.port.handle(protocol, async channel => {
    await channel.write((await channel.read()) ?? new Uint8Array())
  })
  const ask = async (node: typeof ours): Promise<string | undefined> => {
    await node.port.dial(ours.port.addresses())
    const channel = await node.port.open(ours.port.self, protocol)
    await channel.write(Buffer.from('hello'))
    return text(await channel.read())
  }
  t.equal(await ask(member), 'hello')
  await t.rejects(ask(stranger), { code: 'STREAM_CLOSED' })
})

t.test('streams of an operator protocol are served to operators, not to members', async t => {
  const protocol = protocolOf({ trust: 'operator' })
  const [operator, member] = [await startNode(t), await startNode(t)]
  const ours = await startNode(t, {
    trusts: (peer, trust) => trust === 'fleet' || peer.equals(operator.port.self),
  })
  await ours.port.handle(protocol, async channel => {
    await channel.write((await channel.read()) ?? new Uint8Array())
  })
  const ask = async (node: typeof ours): Promise<string | undefined> => {
    await node.port.dial(ours.port.addresses())
    const channel = await node.port.open(ours.port.self, protocol)
    await channel.write(Buffer.from('hello'))
    return text(await channel.read())
  }
  t.equal(await ask(operator), 'hello')
  await t.rejects(ask(member), { code: 'STREAM_CLOSED' })
})

t.test('whoever runs a board is not held to what peers may ask', async t => {
  const messages = 2_500
  const operator = await startNode(t)
  const ours = await startNode(t, { trusts: () => true })
  const counts = async (trust: 'operator' | 'fleet'): Promise<number> => {
    const protocol = protocolOf({ id: `/skep/${trust}/1.0.0`, trust })
    await ours.port.handle(protocol, async channel => {
      for (let at = 0; at < messages; at++) await channel.read()
      await channel.write(Buffer.from('all'))
    })
    await operator.port.dial(ours.port.addresses())
    const channel = await operator.port.open(ours.port.self, protocol)
    for (let at = 0; at < messages; at++) await channel.write(Buffer.from('more'))
    t.equal(text(await channel.read()), 'all')
    const [, delayed = 0] =
      new RegExp(`delayed_requests_total\\{protocol="${protocol.id}"\\} (\\d+)`).exec(
        await ours.metrics.text(),
      ) ?? []
    return Number(delayed)
  }
  t.equal(await counts('operator'), 0)
  t.ok((await counts('fleet')) > 0, 'as everybody else is')
})

t.test('a handler that throws resets its stream and nothing else', async t => {
  const protocol = protocolOf()
  const [alice, bob] = [await startNode(t), await startNode(t)]
  await bob.port.handle(protocol, async channel => {
    const message = text(await channel.read())
    if (message === 'throw') throw new Error('broken')
    await channel.write(Buffer.from('fine'))
  })
  await alice.port.dial(bob.port.addresses())
  const ask = async (message: string): Promise<string | undefined> => {
    const channel = await alice.port.open(bob.port.self, protocol)
    await channel.write(Buffer.from(message))
    return text(await channel.read())
  }
  await t.rejects(ask('throw'), { code: 'STREAM_CLOSED' })
  t.equal(await ask('work'), 'fine')
  t.same(bob.peers.get(alice.port.self)?.evidence, {}, 'our own fault is charged to nobody')
})

t.test('a released owner takes its handlers and their streams with it', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  const kept = protocolOf({ id: '/skep/kept/1.0.0' })
  const released = protocolOf({ id: '/skep/released/1.0.0' })
  const { port, release } = bob.network.port('plugin')
  const stay = async (channel: Channel): Promise<void> => {
    await channel.read()
  }
  await bob.port.handle(kept, stay)
  await port.handle(released, stay)
  await t.rejects(bob.port.handle(released, stay), { code: 'NAME_TAKEN', message: /handled by plugin/ })
  await alice.port.dial(bob.port.addresses())
  const [first, second] = await Promise.all([
    alice.port.open(bob.port.self, kept),
    alice.port.open(bob.port.self, released),
  ])
  const ended = second.read()
  await release()
  await t.rejects(ended, { code: 'STREAM_CLOSED' })
  t.notOk(first.signal.aborted)
  await t.rejects(alice.port.open(bob.port.self, released), { code: 'PROTOCOL_UNSUPPORTED' })
  await t.rejects(port.handle(released, stay), { code: 'NETWORK_STOPPED' })
  await release()
  await bob.port.handle(released, stay)
  t.ok(await alice.port.open(bob.port.self, released), 'the name is free again')
})

function firstBytes(stream: Stream): Promise<Uint8Array> {
  return new Promise(resolve => {
    stream.addEventListener('message', ({ data }) => resolve(Buffer.from(data.subarray())), { once: true })
  })
}
