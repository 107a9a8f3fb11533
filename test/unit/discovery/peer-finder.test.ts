import { once } from 'node:events'
import { createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import t from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { createDiscoveryNode } from './discovery-node.ts'
import { createPeerId } from './fixture.ts'

t.test('a bootstrap peer is dialed', async t => {
  const far = await createDiscoveryNode()
  const bootstrap = far.port.addresses().map(String)
  const near = await createDiscoveryNode({ config: { bootstrap } })
  await Promise.all([near.connected(1), far.connected(1)])
  t.equal(near.finder.sourceOf(far.port.self.toString()), 'bootstrap')
  t.equal(far.finder.sourceOf(near.port.self.toString()), 'inbound')
  t.equal(near.finder.sourceOf((await createPeerId()).toString()), undefined)
  t.match(near.finder.describe(), {
    bootstrap: 1,
    candidates: { total: 1, connected: 1, members: 1 },
  })
  const text = await near.metrics.text()
  t.match(text, 'skep_discovery_found_total{source="bootstrap"} 1\n')
  t.match(text, 'skep_discovery_dials_total{result="connected"} 1\n')
  t.equal(near.finder.isMember(far.port.self), true)
  t.equal(far.finder.isMember(near.port.self), false, 'who merely calls is none of our own')
  await Promise.all([near.stop(), far.stop()])
})

t.test('in a fleet the roster says who is a member, and in a closed one who is dialed', async t => {
  const [member, stranger] = [await createDiscoveryNode(), await createDiscoveryNode()]
  const roster = new Set<string>()
  const near = await createDiscoveryNode({
    config: { bootstrap: [member, stranger].flatMap(({ port }) => port.addresses().map(String)) },
    fleet: {
      label: 'abcdefghij',
      isClosed: true,
      isMember: peer => roster.has(peer.toString()),
      isOperator: () => false,
      admits: peer => roster.has(peer.toString()),
    },
  })
  t.equal(near.finder.isMember(member.port.self), false)
  roster.add(member.port.self.toString())
  near.events.emit('fleet:changed', {})
  await member.connected(1)
  t.equal(near.finder.isMember(member.port.self), true)
  t.match(near.finder.describe(), { candidates: { total: 2, connected: 1, members: 1 } })
  t.same(stranger.port.connectedPeers(), [])
  roster.clear()
  near.events.emit('fleet:changed', {})
  t.match(near.finder.describe(), { candidates: { members: 0 } })
  await Promise.all([near.stop(), member.stop(), stranger.stop()])
})

t.test('a peer that the user connects to is remembered, and dialed after a restart', async t => {
  const far = await createDiscoveryNode()
  const near = await createDiscoveryNode()
  near.peers.found(far.port.self, 'manual', far.port.addresses())
  await near.port.dial(far.port.addresses())
  await far.connected(1)
  t.equal(near.finder.sourceOf(far.port.self.toString()), 'manual')
  await near.identified(far.port.self)
  await near.stop()
  const again = await createDiscoveryNode({ storage: near.storage })
  await Promise.all([again.connected(1), far.connected(1)])
  t.equal(again.finder.sourceOf(far.port.self.toString()), 'manual', 'it stays what it was')
  t.equal(again.finder.isMember(far.port.self), true)
  await Promise.all([again.stop(), far.stop()])
})

t.test(
  'a peer that came by itself is dialed when it went: at its own address, not the one it called from',
  async t => {
    const guest = await createDiscoveryNode({ config: { dial: { targetPeers: 0 } } })
    const host = await createDiscoveryNode()
    await guest.port.dial(host.port.addresses())
    await host.connected(1)
    await host.identified(guest.port.self)
    const gone = host.next('peer:disconnected')
    const back = Promise.all([gone.then(() => host.next('peer:connected')), guest.next('peer:connected')])
    await guest.port.hangUp(host.port.self)
    await back
    const [connection] = host.port.connections(guest.port.self)
    t.equal(connection?.direction, 'outbound')
    await Promise.all([host.stop(), guest.stop()])
  },
)

t.test('a peer that is not there is dialed again, ever more rarely', async t => {
  // A real listener that hangs up at once: each dial is one connection.
  let dials = 0
  const listener = createServer(socket => {
    dials += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const node = await createDiscoveryNode({
    config: { bootstrap: [`/ip4/127.0.0.1/tcp/${address.port}/p2p/${peer}`], dial: { maxBackoffMs: 20 } },
  })
  await eventually('a third dial', () => (dials >= 3 ? true : undefined))
  t.match(await node.metrics.text(), /skep_discovery_dials_total\{result="failed"\} [2-9]/)
  await node.stop()
  const atStop = dials
  await new Promise(resolve => listener.close(resolve))
  t.equal(dials, atStop, 'a stopped node dials nobody')
})

t.test('nobody is dialed once enough are connected', async t => {
  const passive = { config: { dial: { targetPeers: 0 } } }
  const others = await Promise.all([1, 2, 3].map(() => createDiscoveryNode(passive)))
  const bootstrap = others.flatMap(({ port }) => port.addresses().map(String))
  const node = await createDiscoveryNode({
    config: { bootstrap, dial: { targetPeers: 2, targetMembers: 2 } },
  })
  await node.connected(2)
  t.match(node.finder.describe(), { candidates: { total: 3, connected: 2, idle: 1, dialing: 0 } })
  const [lost] = node.port.connectedPeers()
  if (!lost) throw new Error('two are connected')
  const again = node.next('peer:connected')
  await node.port.hangUp(lost)
  await again
  t.equal(node.port.connectedPeers().length, 2, 'one that is lost makes room for another')
  await Promise.all([node, ...others].map(one => one.stop()))
})

t.test('a node never dials itself', async t => {
  const privateKey = await generateKeyPair('Ed25519')
  const self = peerIdFromPrivateKey(privateKey)
  const node = await createDiscoveryNode({
    privateKey,
    config: { bootstrap: [`/ip4/127.0.0.1/tcp/4001/p2p/${self}`] },
  })
  t.equal(node.finder.sourceOf(self.toString()), undefined)
  t.match(node.finder.describe(), { candidates: { total: 0 } })
  await node.stop()
})

t.test('its own address under the name of another is left out', async t => {
  const first = await createDiscoveryNode()
  const [address] = first.port.addresses()
  await first.stop()
  if (!address) throw new Error('it listened')
  const listen = [address.decapsulate(`/p2p/${first.port.self}`).toString()]
  const node = await createDiscoveryNode({ listen, config: { bootstrap: [address.toString()] } })
  t.match(node.finder.describe(), { candidates: { total: 1, idle: 1, dialing: 0 } })
  t.match(await node.metrics.text(), 'skep_discovery_dials_total{result="failed"} 0\n')
  await node.stop()
})

t.test('a peer that the DHT came across is dialed, and is no member', async t => {
  const far = await createDiscoveryNode()
  const near = await createDiscoveryNode()
  near.finder.found(far.port.self, far.port.addresses(), 'dht')
  await Promise.all([near.connected(1), far.connected(1)])
  t.equal(near.finder.sourceOf(far.port.self.toString()), 'dht')
  t.equal(near.finder.isMember(far.port.self), false)
  await Promise.all([near.stop(), far.stop()])
})

t.test('once networks changed nobody waits for the end of a long backoff', async t => {
  const privateKey = await generateKeyPair('Ed25519')
  const first = await createDiscoveryNode({ privateKey })
  const bootstrap = first.port.addresses().map(String)
  const listen = bootstrap.map(address => address.replace(/\/p2p\/.*/, ''))
  await first.stop()
  const node = await createDiscoveryNode({
    config: { bootstrap, dial: { minBackoffMs: 600_000, maxBackoffMs: 600_000 } },
  })
  await eventually('a failed dial', async () =>
    (await node.metrics.text()).includes('skep_discovery_dials_total{result="failed"} 1') ? true : undefined,
  )
  const again = await createDiscoveryNode({ privateKey, listen })
  node.events.emit('network:changed', { reason: 'interfaces' })
  await node.connected(1)
  t.pass('it was dialed again at once')
  await Promise.all([node.stop(), again.stop()])
})

t.test('a peer that the user has forgotten is dialed no more', async t => {
  const far = await createDiscoveryNode({ config: { dial: { targetPeers: 0, targetMembers: 0 } } })
  const near = await createDiscoveryNode()
  near.finder.found(far.port.self, far.port.addresses(), 'dht')
  await near.connected(1)
  const gone = near.next('peer:disconnected')
  near.events.on('peer:disconnected', ({ peer }) => void near.peers.forget(peer))
  await near.port.hangUp(far.port.self)
  await gone
  t.match(near.finder.describe(), { candidates: { total: 0 } })
  t.equal(near.finder.sourceOf(far.port.self.toString()), undefined)
  await Promise.all([near.stop(), far.stop()])
})
