import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Connection, Transport } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { isSkepError } from '../../../core/errors.ts'
import { SETTLE_MS } from '../../../core/network/duplicates.ts'
import { GRACE_MS, KEPT_WORTH } from '../../../core/network/trim-plan.ts'
import { eventually } from '../../helpers/eventually.ts'
import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import { startRelay } from '../../helpers/relay.ts'
import { Beats } from './beats.ts'
import {
  gone,
  nextEvent,
  portOf,
  protocolOf,
  startNode,
  startStockNode,
  type TestNode,
  text,
} from './nodes.ts'

/** libp2p's own parts, as an attached service gets them. */
interface Parts {
  readonly connectionManager: {
    openConnection(to: Multiaddr[], options: { force: boolean }): Promise<Connection>
  }
  readonly transportManager: {
    add(transport: Transport): void
    listen(addresses: Multiaddr[]): Promise<void>
  }
  readonly addressManager: {
    addPublicAddressMapping(host: string, port: number, externalHost: string, externalPort: number): void
    confirmObservedAddr(address: Multiaddr): void
  }
}

async function partsOf({ port }: TestNode): Promise<Parts> {
  const { parts } = await port.attach('parts', (components: never) => ({ parts: components as Parts }))
  return parts
}

/** `visitor` connects to `node`, which knows of it when this resolves. */
async function visit(visitor: TestNode, node: TestNode): Promise<Connection> {
  const met = nextEvent(node.events, 'peer:connected')
  const connection = await visitor.port.dial(node.port.addresses())
  await met
  return connection
}

/** Resolves once `node` has lost `other`. */
function disconnected(node: TestNode, other: TestNode): Promise<void> {
  return new Promise(resolve => {
    const off = node.events.on('peer:disconnected', ({ peer }) => {
      if (!peer.equals(other.port.self)) return
      off()
      resolve()
    })
  })
}

/** Resolves once `connection` is gone; libp2p may still have something to ask on it. */
async function closed(time: Beats, connection: Connection): Promise<void> {
  await eventually('the connection to be closed', () => {
    time.beat()
    return connection.status === 'closed' || undefined
  })
}

const idsOf = (node: TestNode): string[] => node.port.connectedPeers().map(String).sort()
const idOf = ({ port }: TestNode): string => port.self.toString()

t.test('too many connections: the least valuable are closed until the low mark', async t => {
  const time = new Beats()
  const marks = { maxConnections: 4, lowConnections: 2 }
  const node = await startNode(t, { ...marks, surroundings: time.surroundings })
  const [member, busy, idle, newcomer] = await Promise.all([1, 2, 3, 4].map(() => startNode(t)))
  if (!member || !busy || !idle || !newcomer) throw new Error('four were started')
  const protocol = protocolOf()
  await node.port.handle(protocol, async channel => void (await channel.read()))
  for (const visitor of [idle, busy, member]) await visit(visitor, node)
  node.port.value(member.port.self, 'member', KEPT_WORTH)
  const channel = await busy.port.open(node.port.self, protocol)
  await channel.write(Buffer.from('still here'))
  time.pass(GRACE_MS)
  const left = Promise.all([idle, busy].map(visitor => disconnected(node, visitor)))
  await newcomer.port.dial(node.port.addresses())
  await left
  t.strictSame(idsOf(node), [idOf(member), idOf(newcomer)].sort())
  t.match(node.network.status(), { trimmed: 2, connections: { inbound: 2, outbound: 0, low: 2, high: 4 } })
  t.match(await node.metrics.text(), /trimmed_connections_total 2/)
})

t.test('who came late is closed once its grace is over', async t => {
  const time = new Beats()
  const node = await startNode(t, { maxConnections: 2, lowConnections: 1, surroundings: time.surroundings })
  const [one, other] = [await startNode(t), await startNode(t)]
  await visit(one, node)
  time.pass(1)
  await visit(other, node)
  time.beat()
  t.equal(node.port.connections().length, 2)
  const left = disconnected(node, other)
  time.pass(GRACE_MS)
  time.beat()
  await left
  t.strictSame(idsOf(node), [idOf(one)])
})

t.test('a host that has taken all places makes room for others, and not for itself', async t => {
  const node = await startNode(t, { maxConnections: 6, lowConnections: 5 })
  const place = { host: '127.0.0.1', port: portOf(node) }
  const from = async (localAddress: string): Promise<boolean> => {
    const { inbound } = node.network.status().connections
    const raw = await connectRaw({ ...place, localAddress }).catch(() => undefined)
    if (!raw) return false
    t.teardown(() => raw.wire.destroy())
    const isIn = raw
      .open()
      .speak('/ipfs/ping/1.0.0')
      .catch(() => false)
    await eventually('the connection', () =>
      node.network.status().connections.inbound >= Math.min(6, inbound) ? true : undefined,
    )
    return isIn
  }
  for (let at = 0; at < 6; at++) t.ok(await from('127.0.0.1'))
  t.notOk(await from('127.0.0.1'), 'it is full')
  for (const host of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) t.ok(await from(host), host)
  t.notOk(await from('127.0.0.1'), 'it has more than anybody else')
  t.ok(await from('127.0.0.5'))
  t.ok(await from('127.0.0.6'))
  t.notOk(await from('127.0.0.7'), 'each has one')
  t.match(await node.metrics.text(), /refused_connections_total\{reason="full"\} 3/)
})

t.test('a node full of members lets nobody in, and what it dials beyond does not stay', async t => {
  const node = await startNode(t, { maxConnections: 2, lowConnections: 1 })
  const visitors = await Promise.all([1, 2, 3].map(() => startNode(t)))
  for (const visitor of visitors.slice(0, 2)) {
    node.port.value(visitor.port.self, 'member', 60)
    await visit(visitor, node)
  }
  const [, , third] = visitors
  if (!third) throw new Error('three were started')
  await t.rejects(third.port.dial(node.port.addresses()), { code: 'DIAL_FAILED' })
  t.match(await node.metrics.text(), /refused_connections_total\{reason="full"\} 1/)
  node.port.value(third.port.self, 'member', 60)
  const went = disconnected(node, third)
  await node.port.dial(third.port.addresses())
  await went
  t.strictSame(idsOf(node), visitors.slice(0, 2).map(idOf).sort())
})

/** Two nodes, the one with the smaller id first. */
async function pair(
  t: Parameters<typeof startNode>[0],
  { surroundings }: Beats,
): Promise<[TestNode, TestNode]> {
  const nodes = [await startNode(t, { surroundings }), await startNode(t, { surroundings })]
  const bytes = ({ port }: TestNode): Uint8Array => port.self.toMultihash().bytes
  return nodes.sort((a, b) => Buffer.compare(bytes(a), bytes(b))) as [TestNode, TestNode]
}

/** As {@link pair}; they have dialed each other. */
async function crossed(...given: Parameters<typeof pair>): Promise<[TestNode, TestNode]> {
  const [small, large] = await pair(...given)
  await visit(large, small)
  const parts = await partsOf(small)
  await parts.connectionManager.openConnection(large.port.addresses(), { force: true })
  await large.port.ping(small.port.self)
  return [small, large]
}

t.test('of two connections that crossed, both ends keep the one that the smaller id has dialed', async t => {
  const time = new Beats()
  const [small, large] = await crossed(t, time)
  t.equal(small.port.connections(large.port.self)[0]?.direction, 'outbound', 'it is the one to use at once')
  t.equal(large.port.connections(small.port.self)[0]?.direction, 'inbound')
  time.pass(SETTLE_MS - 1)
  time.beat()
  t.equal(small.port.connections(large.port.self).length, 2, 'until it has settled')
  time.pass(1)
  await closed(time, small.port.connections(large.port.self)[1] as Connection)
  t.match(small.network.status().connections, { inbound: 0, outbound: 1 })
  await large.port.ping(small.port.self)
  t.match(large.network.status().connections, { inbound: 1, outbound: 0 })
  t.match(await small.metrics.text(), /redundant_connections_total\{kind="direct"\} 1/)
})

t.test('a transfer on the one that goes is waited for', async t => {
  const time = new Beats()
  const [small, large] = await crossed(t, time)
  const protocol = protocolOf()
  await small.port.handle(protocol, async channel => {
    await channel.read()
    await channel.write(Buffer.from('there you are'))
  })
  const [, extra] = small.port.connections(large.port.self)
  const [, sameThere] = large.port.connections(small.port.self)
  if (!extra || !sameThere) throw new Error('there are two')
  const stream = await sameThere.newStream([protocol.id])
  time.pass(10 * SETTLE_MS)
  time.beat()
  t.equal(extra.status, 'open')
  t.equal(small.network.status().connections.inbound, 1)
  const over = gone(stream)
  stream.abort(new Error('the transfer is over'))
  await over
  await large.port.ping(small.port.self)
  await closed(time, extra)
  t.equal(small.port.connections(large.port.self).length, 1)
})

t.test('what lasts as long as a connection, or only serves it, keeps none', async t => {
  const time = new Beats()
  const [small, large] = await crossed(t, time)
  const [, extra] = small.port.connections(large.port.self)
  const [, sameThere] = large.port.connections(small.port.self)
  if (!extra || !sameThere) throw new Error('there are two')
  for (const id of ['/skep/index/1.0.0', '/libp2p/dcutr']) {
    await small.port.handle(protocolOf({ id }), async channel => void (await channel.read()))
    await sameThere.newStream([id])
  }
  time.pass(SETTLE_MS)
  await closed(time, extra)
  t.equal(small.port.connections(large.port.self).length, 1)
})

t.test('a lane outlasts the second connection, and is not closed with it', async t => {
  const time = new Beats()
  const [small, large] = await crossed(t, time)
  const protocol = protocolOf()
  await small.port.handle(protocol, async channel => {
    for (let message = await channel.read(); message; message = await channel.read())
      await channel.write(message)
  })
  const lane = await large.port.openLane(small.port.self, protocol)
  const echo = async (): Promise<void> => {
    await lane.write(Buffer.from('hello'))
    t.equal(text(await lane.read()), 'hello')
  }
  await echo()
  time.pass(10 * SETTLE_MS)
  time.beat()
  await echo()
  t.equal(small.port.connections(large.port.self).length, 2)
  await lane.close()
  await closed(time, small.port.connections(large.port.self)[1] as Connection)
  t.equal(small.port.connections(large.port.self).length, 1)
})

t.test(
  'a peer that comes anew is kept, its dead connection is cut, though it was the one to keep',
  async t => {
    const [small, large] = await pair(t, new Beats())
    const wire = await startRelay(t, { to: portOf(large) })
    const met = nextEvent(large.events, 'peer:connected')
    const dead = await small.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${wire.port}/p2p/${large.port.self}`))
    await met
    wire.hold('up')
    wire.hold('down')
    const ends = [dead, ...large.port.connections(small.port.self)].map(gone)
    const { connectionManager } = await partsOf(large)
    await connectionManager.openConnection(small.port.addresses(), { force: true })
    const errors = await Promise.all(ends)
    t.equal(errors.length, 2)
    t.ok(errors.some(error => isSkepError(error, 'PEER_TIMEOUT')))
    t.match(small.network.status().connections, { inbound: 1, outbound: 0 })
    await small.port.ping(large.port.self)
  },
)

t.test('a relayed connection is closed once a direct one has lasted', async t => {
  const time = new Beats()
  const relay = await startStockNode(t, { services: { identify: identify(), relay: circuitRelayServer() } })
  const [one, other] = [await startNode(t, { surroundings: time.surroundings }), await startNode(t)]
  for (const node of [one, other]) {
    const { transportManager } = await partsOf(node)
    await node.port.attach('circuit', (components: never) => {
      const transport = circuitRelayTransport()(components)
      transportManager.add(transport)
      return transport
    })
    await node.port.detach('parts')
  }
  const { transportManager } = await partsOf(other)
  const [relayAddress] = relay.getMultiaddrs()
  const met = nextEvent(one.events, 'peer:connected')
  await transportManager.listen([multiaddr(`${relayAddress}/p2p-circuit`)])
  const relayed = await one.port.dial(multiaddr(`${relayAddress}/p2p-circuit/p2p/${other.port.self}`))
  await met
  t.notOk(relayed.direct)
  t.equal(one.network.status().connections.relayed, 1)
  const isRelayed = () => one.peers.get(other.port.self)?.isRelayed
  t.equal(isRelayed(), true)
  const direct = await one.port.dial(other.port.addresses())
  t.equal(one.port.connections(other.port.self)[0], direct, 'the direct one is the one to use at once')
  t.equal(isRelayed(), false)
  direct.abort(new Error('a cable was pulled'))
  await eventually('the relay to stand in', () => isRelayed() || undefined)
  t.equal((await one.port.dial(other.port.self)).direct, false)
  const { connectionManager } = await partsOf(one)
  await connectionManager.openConnection(other.port.addresses(), { force: true })
  t.equal(isRelayed(), false)
  time.beat()
  t.equal(relayed.status, 'open', 'until it has lasted')
  time.pass(3 * SETTLE_MS)
  await closed(time, relayed)
  t.equal(one.port.connections(other.port.self).length, 1)
  t.match(await one.metrics.text(), /redundant_connections_total\{kind="relayed"\} 1/)
})

t.test(
  'the network has changed: all peers are asked at once, and whoever wants to know hears it',
  async t => {
    const time = new Beats()
    const other = await startNode(t)
    const wire = await startRelay(t, { to: portOf(other) })
    const node = await startNode(t, { surroundings: time.surroundings })
    await node.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${wire.port}/p2p/${other.port.self}`))
    await node.port.ping(other.port.self)
    const told: string[] = []
    node.events.on('network:changed', ({ reason }) => void told.push(reason))
    time.beat()
    t.strictSame(told, [])
    const sent = wire.seen('up').length
    time.addresses = ['192.168.2.7/24']
    time.beat()
    await wire.arrived('up', sent + 1)
    time.wallMs += 3_600_000
    time.beat()
    t.strictSame(told, ['interfaces', 'resumed'])
    await node.network.stop()
    t.equal(time.watched, 0, 'a node that has stopped looks no more')
  },
)

t.test('addresses that others can dial come and go, and are told', async t => {
  const node = await startNode(t)
  const { addressManager } = await partsOf(node)
  const changed = nextEvent(node.events, 'network:addresses')
  addressManager.addPublicAddressMapping('127.0.0.1', portOf(node), '203.0.113.7', 4001)
  const mapped = '/ip4/203.0.113.7/tcp/4001'
  t.match(node.network.status().observed, [{ address: mapped, by: 'mapped', verified: false }])
  addressManager.confirmObservedAddr(multiaddr(mapped))
  t.ok((await changed).addresses.includes(`${mapped}/p2p/${node.port.self}`))
  const { listening, announced, observed } = node.network.status()
  t.strictSame(listening, [`/ip4/127.0.0.1/tcp/${portOf(node)}`])
  t.strictSame(
    announced,
    [...listening, mapped].map(address => `${address}/p2p/${node.port.self}`),
  )
  t.match(observed, [{ address: mapped, by: 'mapped', verified: true, verifiedMs: Number }])
})

t.test('rates of traffic are those of the last minute', async t => {
  const time = new Beats()
  const [node, other] = [await startNode(t, { surroundings: time.surroundings }), await startNode(t)]
  const traffic = () => node.network.status().traffic
  t.match(traffic(), { receivedBytes: 0, sentBytes: 0, receivedBytesPerSecond: 0, sentBytesPerSecond: 0 })
  await node.port.dial(other.port.addresses())
  await node.port.ping(other.port.self)
  time.pass(10_000)
  const { receivedBytes, receivedBytesPerSecond, sentBytesPerSecond } = traffic()
  t.ok(receivedBytes > 500)
  t.ok(
    Math.abs(receivedBytesPerSecond - receivedBytes / 10) < 100,
    `${receivedBytesPerSecond} bytes a second`,
  )
  t.ok(sentBytesPerSecond > 0)
  time.beat()
  time.pass(60_001)
  time.beat()
  time.pass(5000)
  t.match(traffic(), { receivedBytesPerSecond: 0, sentBytesPerSecond: 0 })
})
