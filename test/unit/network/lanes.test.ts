import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import type { Channel } from '../../../core/network/framing.ts'
import { LaneRequest } from '../../../core/network/wire/lane.js'
import { eventually } from '../../helpers/eventually.ts'
import { portOf, protocolOf, startNode, startStockNode, type TestNode } from './nodes.ts'

const MIB = 1024 * 1024
const TLS_HANDSHAKE = 0x16

/** Two nodes, the first of which has dialled the other; each serves `protocol` by handing its channels to the test. */
async function connected(t: Test, limits: Parameters<typeof protocolOf>[0] = {}) {
  const protocol = protocolOf(limits)
  const [alice, bob] = await Promise.all([startNode(t), startNode(t)])
  const handled: PromiseWithResolvers<Channel>[] = [Promise.withResolvers()]
  const finished = Promise.withResolvers<void>()
  t.teardown(finished.resolve)
  for (const node of [alice, bob]) {
    await node.port.handle(protocol, async channel => {
      handled.at(-1)?.resolve(channel)
      handled.push(Promise.withResolvers())
      await finished.promise
    })
  }
  const knows = Promise.all(
    [alice, bob].map(async (node, at) => {
      const other = (at === 0 ? bob : alice).port.self
      await eventually(
        'lanes to be known',
        async () => (await node.port.protocolsOf(other))?.includes('/skep/lane/1.0.0') || undefined,
      )
    }),
  )
  await alice.port.dial(bob.port.addresses())
  await knows
  const handledNext = (): Promise<Channel> => (handled.at(-1) as PromiseWithResolvers<Channel>).promise
  return { protocol, alice, bob, handledNext }
}

const lanesOf = (node: TestNode, direction: string): Promise<number> =>
  metric(node, `{direction="${direction}"}`)

async function received(node: TestNode): Promise<number> {
  const text = await node.metrics.text()
  return Number(/^skep_network_received_bytes_total (\d+)$/m.exec(text)?.[1])
}

async function metric(node: TestNode, labels: string): Promise<number> {
  const line = (await node.metrics.text())
    .split('\n')
    .find(text => text.startsWith(`skep_network_lanes_total${labels}`))
  return Number(line?.split(' ')[1] ?? 0)
}

t.test('carries messages and payloads both ways', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t)
  const handled = handledNext()
  const ours = await alice.port.openLane(bob.port.self, protocol)
  const theirs = await handled
  t.equal(theirs.peer.toString(), alice.port.self.toString())
  const blocks = Array.from({ length: 5 }, (_, at) => randomBytes(MIB + at * 7919))
  await ours.write(Buffer.from('please'))
  t.same(Buffer.from((await theirs.read()) ?? []).toString(), 'please')
  const writing = Promise.all(
    blocks.map((block, at) => theirs.write(Buffer.from([at]), Uint8Array.from(block), { given: true })),
  )
  for (const [at, block] of blocks.entries()) {
    t.same(await ours.read(), Uint8Array.of(at))
    t.ok(block.equals(await ours.readPayload(block.length)), `payload ${at}`)
  }
  await writing
  await ours.write(Buffer.from('thanks'), randomBytes(3 * MIB))
  await theirs.read()
  t.equal((await theirs.readPayload(3 * MIB)).length, 3 * MIB)
  t.equal(alice.port.connections(bob.port.self).length, 1, 'libp2p knows nothing of it')
  t.equal(await lanesOf(alice, 'outbound'), 1)
  t.equal(await lanesOf(bob, 'inbound'), 1)
})

t.test('a payload whose reader comes late is what was sent', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t)
  const handled = handledNext()
  const ours = await alice.port.openLane(bob.port.self, protocol)
  const theirs = await handled
  const block = randomBytes(MIB)
  const writing = theirs.write(Uint8Array.of(1), Uint8Array.from(block))
  const before = await received(alice)
  await ours.read()
  await eventually('payload to wait unread', async () =>
    (await received(alice)) > before + 128 * 1024 ? true : undefined,
  )
  t.ok(block.equals(await ours.readPayload(MIB)))
  await writing
})

t.test('goes against the direction of the connection, too', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t)
  const handled = handledNext()
  const ours = await bob.port.openLane(alice.port.self, protocol)
  const theirs = await handled
  await theirs.write(Buffer.from('hello'))
  t.equal(Buffer.from((await ours.read()) ?? []).toString(), 'hello')
})

t.test('half-close: what the other side still sends is read to its end', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t)
  const handled = handledNext()
  const ours = await alice.port.openLane(bob.port.self, protocol)
  const theirs = await handled
  await ours.write(Buffer.from('the last'))
  await ours.close()
  await theirs.read()
  t.equal(await theirs.read(), undefined, 'a clean end')
  await theirs.write(Buffer.from('more'), randomBytes(2 * MIB))
  await theirs.close()
  await ours.read()
  t.equal((await ours.readPayload(2 * MIB)).length, 2 * MIB)
  t.equal(await ours.read(), undefined)
})

t.test('a slow reader makes the sender wait', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t)
  const handled = handledNext()
  const ours = await alice.port.openLane(bob.port.self, protocol)
  const theirs = await handled
  const bytes = 64 * MIB
  let sent = false
  const writing = (async () => {
    for (let at = 0; at < bytes; at += MIB) await theirs.write(Buffer.from('x'), new Uint8Array(MIB))
    sent = true
  })()
  await ours.read()
  t.equal((await ours.readPayload(MIB)).length, MIB)
  let before = -1
  await eventually('bytes to stand still', async () => {
    const now = await received(alice)
    const isStill = now === before
    before = now
    return isStill || undefined
  })
  t.ok(before < bytes / 2, 'what nobody reads does not come')
  t.notOk(sent, 'and is not sent')
  for (let at = MIB; at < bytes; at += MIB) {
    await ours.read()
    await ours.readPayload(MIB)
  }
  await writing
})

t.test('an abort on one side fails what the other reads and ends it', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t)
  const handled = handledNext()
  const ours = await alice.port.openLane(bob.port.self, protocol)
  const theirs = await handled
  const reading = ours.readPayload(10)
  const gone = new Promise(resolve => ours.signal.addEventListener('abort', resolve))
  theirs.abort(new Error('enough'))
  await t.rejects(reading, { code: 'STREAM_CLOSED' })
  await gone
  await t.rejects(ours.write(Buffer.from('x')), { code: 'STREAM_CLOSED' })
})

t.test('ends with the connection on which it was agreed', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t)
  const handled = handledNext()
  const ours = await alice.port.openLane(bob.port.self, protocol)
  const theirs = await handled
  const gone = Promise.all(
    [ours, theirs].map(({ signal }) => new Promise(resolve => signal.addEventListener('abort', resolve))),
  )
  await alice.port.hangUp(bob.port.self)
  await gone
  t.ok(ours.signal.aborted && theirs.signal.aborted)
})

t.test('the limits of the protocol hold', async t => {
  const { protocol, alice, bob } = await connected(t, { maxStreamsPerPeer: 1 })
  await alice.port.open(bob.port.self, protocol)
  const refused = await alice.port.openLane(bob.port.self, protocol)
  await t.rejects(refused.readPayload(1), { code: 'STREAM_CLOSED' })
})

t.test('an oversize frame is charged', async t => {
  const { protocol, alice, bob, handledNext } = await connected(t, { maxMessageBytes: 16 })
  const handled = handledNext()
  const ours = await alice.port.openLane(bob.port.self, protocol)
  const theirs = await handled
  await ours.write(new Uint8Array(17))
  await t.rejects(theirs.read(), { code: 'FRAME_TOO_LARGE' })
  t.match(bob.peers.get(alice.port.self)?.evidence, { 'protocol-violation': 1 })
})

t.test('a peer that knows no lanes, a peer without a connection', async t => {
  const [alice, stock] = await Promise.all([startNode(t), startStockNode(t)])
  const protocol = protocolOf()
  await t.rejects(alice.port.openLane(stock.peerId, protocol), { code: 'LANE_UNAVAILABLE' })
  await stock.dial(alice.port.addresses())
  await eventually('identify', () => alice.port.protocolsOf(stock.peerId))
  await t.rejects(alice.port.openLane(stock.peerId, protocol), { code: 'LANE_UNAVAILABLE' })
})

t.test('a TLS handshake that nobody expects is no lane', async t => {
  const { bob } = await connected(t)
  const port = Number(bob.port.addresses()[0]?.getComponents()[1]?.value)
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(new Uint8Array(64).fill(TLS_HANDSHAKE))
  socket.on('error', () => {})
  await new Promise(resolve => socket.once('close', resolve))
  t.equal(await lanesOf(bob, 'inbound'), 0)
})

/** What a TLS client says first. */
async function clientHello(): Promise<Uint8Array> {
  const said = Promise.withResolvers<Uint8Array>()
  const socket = new Duplex({ read() {}, write: chunk => said.resolve(chunk) })
  connectTls({ socket, ALPNProtocols: ['skep-lane/1'] }).on('error', () => {})
  const hello = await said.promise
  socket.destroy()
  return hello
}

/** Has `node` expect a lane of `from` that never comes; returns what connects to it and begins a handshake. */
async function promised(
  t: Test,
  from: TestNode,
  node: TestNode,
  protocol: string,
): Promise<() => Promise<Socket>> {
  const asking = await from.port.open(node.port.self, protocolOf({ id: '/skep/lane/1.0.0' }))
  await asking.write(LaneRequest.encode({ protocol }))
  t.ok(await asking.read())
  const hello = await clientHello()
  return async () => {
    const socket = connect({ port: portOf(node), host: '127.0.0.1' })
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(hello)
    return socket
  }
}

t.test('a node that stops waits for no handshake', async t => {
  const { protocol, alice, bob } = await connected(t)
  const begin = await promised(t, alice, bob, protocol.id)
  const socket = await begin()
  await once(socket, 'data')
  const closed = once(socket, 'close')
  const beforeMs = performance.now()
  await bob.network.stop()
  await closed
  t.ok(performance.now() - beforeMs < 5_000)
})

t.test('handshakes at a time are few; what comes beyond is refused', async t => {
  const { protocol, alice, bob } = await connected(t)
  const begin = await promised(t, alice, bob, protocol.id)
  const first = await begin()
  const others = await Promise.allSettled(Array.from({ length: 32 }, begin))
  t.ok(others.some(({ status }) => status === 'fulfilled'))
  await eventually('the others to be refused', () => {
    const refused = [alice, bob].map(({ network }) => network.status().refused.handshakes ?? 0)
    return Math.max(...refused) >= 33 - 13 || undefined
  })
  t.notOk(first.closed)
})
