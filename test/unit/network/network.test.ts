import { once } from 'node:events'
import { createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import {
  type PeerDiscovery,
  type PeerDiscoveryEvents,
  type PeerInfo,
  peerDiscoverySymbol,
  peerRoutingSymbol,
} from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import t from 'tap'
import { type GateRule, isSkepError } from '../../../core/api.ts'
import { createNode, gone, nextEvent, protocolOf, startNode, startStockNode } from './nodes.ts'

const somebody = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

t.test('a closed gate refuses inbound connections, an open one lets them in', async t => {
  const closed = await startNode(t, { gate: 'closed' })
  const other = await startNode(t)
  await t.rejects(other.port.dial(closed.port.addresses()), { code: 'DIAL_FAILED' })
  t.match(closed.network.connections(), { inbound: 0, outbound: 0 })
  await closed.port.dial(other.port.addresses())
  t.match(closed.network.connections(), { inbound: 0, outbound: 1, max: 50 }, 'while it may dial')
  await closed.port.hangUp(other.port.self)
  closed.network.openGate()
  const met = nextEvent(closed.events, 'peer:connected')
  await (await startNode(t)).port.dial(closed.port.addresses())
  await met
  t.match(closed.network.connections(), { inbound: 1, outbound: 0 })
})

t.test('a rule that joins the gate refuses a peer by its key', async t => {
  const [node, friend, stranger] = [await startNode(t), await startNode(t), await startNode(t)]
  const remove = node.network.gate.add({
    denyInboundEncryptedConnection: peer => peer.equals(stranger.port.self),
    denyDialPeer: peer => peer.equals(stranger.port.self),
  })
  await friend.port.dial(node.port.addresses())
  // The dialing side is done with TLS before the other has seen its key, so its dial may still end well.
  const visit = stranger.port.dial(node.port.addresses()).then(() => stranger.port.ping(node.port.self))
  t.ok(isSkepError(await visit.catch(error => error)))
  t.same(node.port.connections(stranger.port.self), [])
  await t.rejects(node.port.dial(stranger.port.addresses()), { code: 'DIAL_FAILED' })
  remove()
  await stranger.port.dial(node.port.addresses())
  t.pass('and lets it in once the rule is gone')
})

t.test('a plugin adds rules to the gate, and they go with it', async t => {
  const [node, stranger] = [await startNode(t), await startNode(t)]
  const { port, release } = node.network.port('reputation')
  const asked: string[] = []
  const rule: GateRule = {
    denyInboundEncryptedConnection: peer => {
      asked.push(peer.toString())
      return true
    },
  }
  const visit = async (): Promise<void> => {
    await stranger.port.dial(node.port.addresses())
    await stranger.port.ping(node.port.self)
  }
  const lifted = port.gate(rule)
  port.gate(rule)
  await t.rejects(visit())
  t.same([...new Set(asked)], [stranger.port.self.toString()], 'by the key it proved')
  lifted()
  await t.rejects(visit(), 'the other one still stands')
  await release()
  await visit()
  t.equal(node.port.connections(stranger.port.self).length, 1)
  t.throws(() => port.gate(rule), { code: 'NETWORK_STOPPED' })
})

t.test('a gate rule that throws denies', async t => {
  const [node, other] = [await startNode(t), await startNode(t)]
  const lift = node.port.gate({
    denyDialPeer() {
      throw new Error('broken')
    },
    denyInboundConnection() {
      throw new Error('broken')
    },
  })
  await t.rejects(node.port.dial(other.port.addresses()), { code: 'DIAL_FAILED' })
  await t.rejects(other.port.dial(node.port.addresses()), { code: 'DIAL_FAILED' })
  lift()
  await node.port.dial(other.port.addresses())
  t.match(node.network.connections(), { inbound: 0, outbound: 1 })
})

t.test('an occupied port is an error that names the address and the fix', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const node = await createNode(t, { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
  await t.rejects(node.network.start(), {
    code: 'LISTEN_FAILED',
    message: new RegExp(`/ip4/127.0.0.1/tcp/${port} \\(.*EADDRINUSE`),
    fix: /network\.listen/,
  })
})

t.test('stop twice, and before start', async t => {
  const node = await createNode(t)
  await node.network.stop()
  const other = await startNode(t)
  await other.network.stop()
  await other.network.stop()
})

t.test('a dial that fails names each address and why', async t => {
  const node = await startNode(t, { dialTimeoutMs: 2000 })
  const peer = await somebody()
  const addresses = [1, 2].map(port => multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${peer}`))
  await t.rejects(node.port.dial(addresses), {
    code: 'DIAL_FAILED',
    message: /tcp\/1\/p2p\/\w+ \(.*ECONNREFUSED.*\), .*tcp\/2\/p2p\/\w+ \(.*ECONNREFUSED/,
  })
  await t.rejects(node.port.dial(peer), {
    code: 'DIAL_FAILED',
    message: `cannot reach ${peer}: no address of it is known that this node can dial`,
  })
  await t.rejects(node.port.dial(node.port.self), { code: 'DIAL_FAILED' })
  const text = await node.metrics.text()
  t.match(text, /skep_network_dials_total\{result="failed"\} 3/)
})

t.test('a host that never answers costs the time limit, or what the caller gives', async t => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const sockets: { destroy(): void }[] = []
  silent.on('connection', socket => sockets.push(socket))
  t.teardown(() => sockets.forEach(socket => void socket.destroy()))
  const { port } = silent.address() as { port: number }
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${await somebody()}`)
  const node = await startNode(t, { dialTimeoutMs: 300 })
  await t.rejects(node.port.dial(address), { code: 'DIAL_FAILED' })
  const cancel = new AbortController()
  const dialing = node.port.dial(address, { signal: cancel.signal })
  cancel.abort(new Error('not any more'))
  await t.rejects(dialing, { message: 'not any more' })
})

t.test('ping, protocols and unsupported protocols', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  const protocol = protocolOf()
  await bob.port.handle(protocol, async () => {})
  t.equal(await alice.port.protocolsOf(bob.port.self), undefined)
  await alice.port.dial(bob.port.addresses())
  t.ok((await alice.port.ping(bob.port.self)) < 5000)
  const together = await Promise.all([1, 2, 3].map(() => alice.port.ping(bob.port.self)))
  t.equal(new Set(together).size, 1, 'pings that overlap are one')
  t.ok((await alice.port.protocolsOf(bob.port.self))?.includes('/ipfs/ping/1.0.0'))
  t.same(alice.port.connectedPeers().map(String), [bob.port.self.toString()])
  await t.rejects(alice.port.open(bob.port.self, protocolOf({ id: '/skep/none/1.0.0' })), {
    code: 'PROTOCOL_UNSUPPORTED',
    message: /does not speak \/skep\/none\/1\.0\.0/,
  })
  await t.rejects(alice.port.ping(await somebody()), { code: 'DIAL_FAILED' })
})

t.test('the peer table follows connections, identify, and dials that fail', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t, { agent: 'skep/other' })]
  const met = nextEvent(bob.events, 'peer:connected')
  await alice.port.dial(bob.port.addresses())
  t.ok((await met).peer.equals(alice.port.self))
  await alice.port.ping(bob.port.self)
  t.match(alice.peers.get(bob.port.self), {
    liveness: 'connected',
    direction: 'outbound',
    encryption: '/tls/1.0.0',
    agent: 'skep/other',
    addresses: [/\/ip4\/127\.0\.0\.1\/tcp\/\d+/],
  })
  const left = nextEvent(alice.events, 'peer:disconnected')
  await bob.network.stop()
  await left
  t.match(alice.peers.get(bob.port.self), { liveness: 'reachable', encryption: undefined })
  await t.rejects(alice.port.dial(bob.port.self), { code: 'DIAL_FAILED' })
  t.match(alice.peers.get(bob.port.self), { liveness: 'suspect' })
})

t.test('bytes on the wire are counted, through TLS and Noise, open and closed', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  const protocol = protocolOf()
  const done = Promise.withResolvers<void>()
  await bob.port.handle(protocol, async channel => {
    await channel.read()
    await channel.readPayload(1_000_000)
    done.resolve()
  })
  await alice.port.dial(bob.port.addresses())
  const channel = await alice.port.open(bob.port.self, protocol)
  await channel.write(Buffer.from('x'), new Uint8Array(1_000_000))
  await done.promise
  const read = async (name: string, node = bob): Promise<number> =>
    Number(new RegExp(`skep_network_${name}_bytes_total (\\d+)`).exec(await node.metrics.text())?.[1])
  const open = await read('received')
  t.ok(open > 1_000_000 && open < 1_100_000, `${open} bytes received`)
  t.ok((await read('sent', alice)) > 1_000_000)
  const left = nextEvent(bob.events, 'peer:disconnected')
  await alice.port.hangUp(bob.port.self)
  await left
  t.ok((await read('received')) >= open, 'a closed connection still counts')
})

/** Finds who it is told to find. */
class FakeDiscovery extends TypedEventEmitter<PeerDiscoveryEvents> implements PeerDiscovery {
  running = false
  readonly [peerDiscoverySymbol] = this
  readonly [Symbol.toStringTag] = 'fake-discovery'
  start(): void {
    this.running = true
  }
  stop(): void {
    this.running = false
  }
  find(info: PeerInfo): void {
    this.safeDispatchEvent('peer', { detail: info })
  }
}

t.test('an attached discovery feeds the peer store until it is detached', async t => {
  const [node, other] = [await startNode(t), await startNode(t)]
  const found: string[] = []
  const arrived = Promise.withResolvers<void>()
  const discovery = await node.port.attach('fake', () => new FakeDiscovery(), {
    onPeer(peer) {
      found.push(peer.toString())
      arrived.resolve()
    },
  })
  t.ok(discovery.running)
  discovery.find({ id: node.port.self, multiaddrs: [] })
  discovery.find({ id: other.port.self, multiaddrs: other.port.addresses() })
  await arrived.promise
  t.same(found, [other.port.self.toString()], 'itself is not found')
  await node.port.dial(other.port.self)
  t.equal(node.port.connections().length, 1, 'its address is known')
  await t.rejects(
    node.port.attach('fake', () => new FakeDiscovery()),
    { code: 'NAME_TAKEN' },
  )

  await node.port.detach('fake')
  t.notOk(discovery.running)
  discovery.find({ id: await somebody(), multiaddrs: [] })
  t.equal(found.length, 1)
  await node.port.detach('fake')
})

t.test('a service that throws hurts nobody else', async t => {
  const [node, other] = [await startNode(t), await startNode(t)]
  const broken = () => {
    throw new Error('no network card')
  }
  await t.rejects(node.port.attach('built', broken), { message: 'no network card' })
  let stopped = 0
  const service = {
    start: broken,
    stop() {
      stopped++
      throw new Error('never started')
    },
  }
  await t.rejects(
    node.port.attach('started', () => service),
    { message: 'no network card' },
  )
  t.equal(stopped, 1, 'what started half is stopped')
  const again = await node.port.attach('started', () => ({ fine: true }))
  t.ok(again.fine, 'its name is free again')
  await node.port.dial(other.port.addresses())
  t.ok((await node.port.ping(other.port.self)) >= 0)
})

t.test('releasing an owner stops what it attached, last first', async t => {
  const node = await startNode(t)
  const { port, release } = node.network.port('plugin')
  const stopped: string[] = []
  for (const name of ['first', 'second']) {
    await port.attach(name, () => ({ start() {}, stop: () => void stopped.push(name) }))
  }
  await node.port.attach('other', () => ({ start() {}, stop: () => void stopped.push('other') }))
  await release()
  t.same(stopped, ['second', 'first'])
  await node.network.stop()
  t.same(stopped, ['second', 'first', 'other'])
})

t.test('an attached router finds peers to dial', async t => {
  const [node, other] = [await startNode(t), await startNode(t)]
  await t.rejects(node.port.dial(other.port.self), { code: 'DIAL_FAILED' })
  await node.port.attach('router', () => ({
    [peerRoutingSymbol]: {
      findPeer: async () => ({ id: other.port.self, multiaddrs: other.port.addresses() }),
    },
  }))
  await node.port.dial(other.port.self)
  t.equal(node.port.connections().length, 1)
})

t.test('more connections a second from one host than allowed are refused', async t => {
  const node = await startNode(t, { maxInboundPerSecond: 2 })
  const others = await Promise.all(Array.from({ length: 5 }, () => startStockNode(t)))
  const dials = await Promise.allSettled(others.map(other => other.dial(node.port.addresses())))
  t.ok(dials.filter(({ status }) => status === 'fulfilled').length <= 2)
})

t.test('a connection beyond the limit is refused', async t => {
  const node = await startNode(t, { maxConnections: 2 })
  const others = [await startNode(t), await startNode(t), await startNode(t)]
  for (const other of others.slice(0, 2)) {
    const met = nextEvent(node.events, 'peer:connected')
    await other.port.dial(node.port.addresses())
    await met
  }
  await t.rejects(async () => others[2]?.port.dial(node.port.addresses()), { code: 'DIAL_FAILED' })
  t.match(node.network.connections(), { inbound: 2, max: 2 })
})

t.test('a connection that ends ends its streams on both sides', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  const protocol = protocolOf()
  const ended = Promise.withResolvers<void>()
  await bob.port.handle(protocol, async channel => {
    channel.signal.addEventListener('abort', () => ended.resolve())
    await channel.read()
  })
  const connection = await alice.port.dial(bob.port.addresses())
  const channel = await alice.port.open(bob.port.self, protocol)
  const over = gone(connection)
  connection.abort(new Error('cut'))
  await over
  t.ok(channel.signal.aborted)
  await ended.promise
})

t.test('a peer that announces a frame beyond any window is cut off before it fills the memory', async t => {
  const [node, stock] = [await startNode(t), await startStockNode(t)]
  const connection = await stock.dial(node.port.addresses())
  const over = gone(connection)
  const { muxer } = connection as unknown as { muxer: { send(bytes: Uint8Array): boolean } }
  const header = Buffer.alloc(12)
  header.writeUInt32BE(1, 4)
  header.writeUInt32BE(0xffffffff, 8)
  muxer.send(header)
  let sent = 0
  const { maConn } = muxer as unknown as { maConn: { status: string; writableNeedsDrain: boolean } }
  const part = new Uint8Array(256 * 1024)
  const received = (): Promise<string> => node.metrics.text()
  while (maConn.status === 'open' && sent < 64 * part.byteLength) {
    if (!maConn.writableNeedsDrain) {
      muxer.send(part)
      sent += part.byteLength
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  await over
  const [, bytes] = /received_bytes_total (\d+)/.exec(await received()) ?? []
  t.ok(Number(bytes) < 4 * 1024 * 1024, `cut off after ${bytes} bytes`)
})

t.test('connections cut at any moment of a handshake leave the node as it was', async t => {
  const node = await startNode(t, { maxInboundPerSecond: 1000 })
  const dialer = await startNode(t)
  const refuse = new Set<number>()
  let count = 0
  node.network.gate.add({ denyInboundEncryptedConnection: () => refuse.has(count++) })
  for (let attempt = 0; attempt < 60; attempt++) {
    if (attempt % 3 === 0) refuse.add(count)
    const cut = new AbortController()
    const timer = setTimeout(() => cut.abort(new Error('cut')), (attempt % 20) / 2)
    const dialing = dialer.port.dial(node.port.addresses(), { signal: cut.signal })
    await dialing.then(
      connection => connection.abort(new Error('cut')),
      () => {},
    )
    clearTimeout(timer)
  }
  refuse.clear()
  await dialer.port.dial(node.port.addresses())
  t.ok((await dialer.port.ping(node.port.self)) >= 0)
})
