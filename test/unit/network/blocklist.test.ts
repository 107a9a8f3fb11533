import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { MAX_BLOCKS, NodeBlocklist } from '../../../core/network/blocklist.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import { eventually } from '../../helpers/eventually.ts'
import { HELLO, line, rawHandshake } from '../../helpers/raw-handshake.ts'
import { Beats } from './beats.ts'
import { gone, nextEvent, portOf, startNode } from './nodes.ts'
import { collect } from './raw-connections.ts'

const PEER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
const HOUR = 3_600_000

interface Given {
  readonly blocked?: string[]
  readonly store?: MemoryStore
  readonly time?: Beats
}

function create({ blocked = [], store = new MemoryStore('index'), time = new Beats() }: Given = {}) {
  const list = new NodeBlocklist({ blocked }, { store, log: silentLogger, ...time.surroundings })
  const at = (host: string) => list.isBlocked({ address: multiaddr(`/ip4/${host}/tcp/1`) })?.target
  return { list, store, time, at }
}

t.test('addresses, networks and peers', async t => {
  const { list, at } = create({ blocked: ['203.0.113.9/24'] })
  await list.block('192.0.2.1')
  await list.block('192.0.2.200/25', { reason: 'too loud' })
  await list.block('192.0.0.0/8')
  await list.block(PEER)
  t.equal(at('192.0.2.1'), '192.0.2.1', 'the narrowest that speaks against it')
  t.equal(at('192.0.2.129'), '192.0.2.128/25')
  t.equal(at('192.9.9.9'), '192.0.0.0/8')
  t.equal(at('203.0.113.1'), '203.0.113.0/24')
  t.equal(at('198.51.100.1'), undefined)
  t.match(list.isBlocked({ peer: peerIdFromString(PEER) }), { target: PEER, kind: 'peer' })
  t.strictSame(
    list.list().map(({ target, kind, origin }) => [target, kind, origin]),
    [
      ['203.0.113.0/24', 'network', 'config'],
      ['192.0.2.1', 'address', 'run-time'],
      ['192.0.2.128/25', 'network', 'run-time'],
      ['192.0.0.0/8', 'network', 'run-time'],
      [PEER, 'peer', 'run-time'],
    ],
  )
  t.equal(await list.unblock('192.9.9.9/8'), true, 'by the same network')
  t.equal(await list.unblock('192.0.0.0/8'), false)
  t.equal(at('192.9.9.9'), undefined)
  t.equal(at('192.0.2.1'), '192.0.2.1', 'others still count')
})

t.test('what the configuration says stays as it says', async t => {
  const { list } = create({ blocked: ['192.0.2.1'] })
  await t.rejects(list.unblock('192.0.2.1'), { code: 'BLOCK_CONFIGURED' })
  await t.rejects(list.block('192.0.2.1', { expiresInMs: 1 }), { code: 'BLOCK_CONFIGURED' })
  await t.rejects(list.block('nobody'), {
    code: 'BLOCK_INVALID',
    message: /'nobody'.*expected an IP address/,
  })
})

t.test('a block ends when it was said to, and by the clock that only goes forward', async t => {
  const { list, time, at } = create()
  t.match(await list.block('192.0.2.1', { expiresInMs: HOUR }), { expiresInMs: HOUR })
  time.wallMs += 100 * HOUR
  t.equal(at('192.0.2.1'), '192.0.2.1')
  time.nowMs += HOUR - 1
  t.match(list.list(), [{ target: '192.0.2.1', expiresInMs: 1 }])
  time.nowMs += 1
  t.equal(at('192.0.2.1'), undefined)
  t.strictSame(list.list(), [])
  t.equal(await list.unblock('192.0.2.1'), false, 'it had ended')
  await list.block('192.0.2.1')
  t.notOk('expiresInMs' in (list.list()[0] ?? {}), 'anew, for good')
})

t.test('blocks outlast a restart, with what is left of their time', async t => {
  const { store, list, time } = create()
  await list.block('192.0.2.1', { expiresInMs: 2 * HOUR, reason: 'x'.repeat(1000) })
  await list.block('192.0.2.2', { expiresInMs: HOUR })
  await list.block(PEER)
  await list.block('192.0.2.3')
  await list.unblock('192.0.2.3')
  const blockedMs = time.wallMs
  time.wallMs += HOUR
  time.nowMs = 5
  const again = create({ store, time })
  t.strictSame(
    again.list.list().map(({ target }) => target),
    [PEER, '192.0.2.1'].sort(),
  )
  t.match(again.list.isBlocked({ address: multiaddr('/ip4/192.0.2.1/tcp/1') }), {
    expiresInMs: HOUR,
    blockedMs,
    reason: 'x'.repeat(256),
  })
  time.wallMs = 0
  const inThePast = create({ store, time })
  t.match(inThePast.list.isBlocked({ address: multiaddr('/ip4/192.0.2.1/tcp/1') }), { expiresInMs: 2 * HOUR })
})

t.test('what can not be read costs no start', async t => {
  const store = new MemoryStore('index')
  await store.write(batch => {
    const bucket = store.bucket('blocklist')
    batch.put(bucket, Buffer.from('192.0.2.1'), Buffer.from('not json'))
    batch.put(bucket, Buffer.from('nobody'), Buffer.from('{}'))
    batch.put(bucket, Buffer.from('192.0.2.2'), Buffer.from('{"blockedMs":1}'))
  })
  t.match(create({ store }).list.list(), [{ target: '192.0.2.2' }])
})

t.test('a full list forgets the block that ends first, and never one for good', async t => {
  const { list, store, time } = create()
  const address = (at: number): string => `10.0.${at >> 8}.${at & 255}`
  const all = Array.from({ length: MAX_BLOCKS - 2 }, (_, at) => list.block(address(at)))
  await Promise.all(all)
  await list.block('192.0.2.1', { expiresInMs: 2 * HOUR })
  await list.block('192.0.2.2', { expiresInMs: HOUR })
  await list.block('192.0.2.3')
  t.equal(list.isBlocked({ address: multiaddr('/ip4/192.0.2.2/tcp/1') }), undefined)
  await list.block('192.0.2.3', { reason: 'again' })
  t.equal(list.list().length, MAX_BLOCKS, 'a block that is there takes no more room')
  time.pass(3 * HOUR)
  await list.block('192.0.2.4')
  await t.rejects(list.block('192.0.2.5'), { code: 'BLOCKLIST_FULL' })
  t.equal(store.bucket('blocklist').size(), MAX_BLOCKS)
})

t.test('who is blocked is hung up on, kept out, and not dialed', async t => {
  const [node, other] = [await startNode(t), await startNode(t)]
  const target = other.port.self.toString()
  const met = nextEvent(node.events, 'peer:connected')
  const connection = await other.port.dial(node.port.addresses())
  await met
  const [ended, left] = [gone(connection), nextEvent(node.events, 'peer:disconnected')]
  await node.network.blocklist.block(target)
  await Promise.all([ended, left])
  const again = other.port.dial(node.port.addresses()).then(() => other.port.ping(node.port.self))
  await t.rejects(again)
  await t.rejects(node.port.dial(other.port.self), { code: 'PEER_BLOCKED', message: new RegExp(target) })
  await t.rejects(node.port.dial(other.port.addresses()), { code: 'PEER_BLOCKED' })
  // Without its id, it is known once it has shown it.
  await t.rejects(node.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${portOf(other)}`)), {
    code: 'DIAL_FAILED',
    message: /this node does not let it in/,
  })
  t.match(await node.metrics.text(), /refused_connections_total\{reason="blocked"\} [1-9]/)
  await node.network.blocklist.unblock(target)
  await node.port.dial(other.port.addresses())
})

t.test('who is blocked in the midst of connecting is not let in', async t => {
  const node = await startNode(t)
  const { self, connection } = await rawHandshake(t, portOf(node), { encryption: '/noise', muxers: [] })
  const heard = collect(connection)
  const agreed = Buffer.concat([HELLO, line('/yamux/1.0.0')])
  connection.send(HELLO)
  await heard.upTo(HELLO.byteLength)
  // By now it has been asked whether this key may come in, and no muxer is agreed on.
  await node.network.blocklist.block(self.toString())
  connection.send(line('/yamux/1.0.0'))
  await heard.upTo(agreed.byteLength + 1)
  t.equal(node.port.connections(self).length, 0)
  t.match(await node.metrics.text(), /refused_connections_total\{reason="blocked"\} 1/)
})

t.test('an address that is blocked is hung up on, also where it was dialed by its name', async t => {
  const [node, other] = [await startNode(t), await startNode(t)]
  const named = multiaddr(`/dns4/localhost/tcp/${portOf(other)}/p2p/${other.port.self}`)
  const met = nextEvent(other.events, 'peer:connected')
  const connection = await node.port.dial(named)
  await met
  const [ended, left] = [gone(connection), nextEvent(other.events, 'peer:disconnected')]
  await node.network.blocklist.block('127.0.0.0/8')
  await Promise.all([ended, left])
  await t.rejects(node.port.dial(named), { code: 'DIAL_FAILED' })
  await t.rejects(node.port.dial(other.port.addresses()), { code: 'PEER_BLOCKED' })
  await t.rejects(other.port.dial(node.port.addresses()), { code: 'DIAL_FAILED' })
})

t.test('a dial of a peer names the addresses of it that are blocked', async t => {
  const listen = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.2/tcp/0']
  const [node, other] = [await startNode(t), await startNode(t, { listen })]
  const connection = await node.port.dial(other.port.addresses())
  await eventually('both addresses', async () =>
    node.peers.get(other.port.self)?.addresses.length === 2 ? true : undefined,
  )
  const ended = gone(connection)
  await node.network.blocklist.block('127.0.0.1')
  await ended
  await other.network.stop()
  await t.rejects(node.port.dial(other.port.self), {
    code: 'DIAL_FAILED',
    message:
      /: \/ip4\/127.0.0.2\/tcp\/\S+ \(.*ECONNREFUSED.*\), \/ip4\/127.0.0.1\/tcp\/\d+ \(127.0.0.1 is blocked\)/,
  })
  await node.network.blocklist.block('127.0.0.2')
  await t.rejects(node.port.dial(other.port.self), {
    code: 'PEER_BLOCKED',
    message: /127.0.0.1 is blocked.*127.0.0.2 is blocked|127.0.0.2 is blocked.*127.0.0.1 is blocked/,
  })
})

t.test('configured blocks count from the start', async t => {
  const node = await startNode(t, { blocked: ['127.0.0.1'] })
  const other = await startNode(t)
  await t.rejects(other.port.dial(node.port.addresses()), { code: 'DIAL_FAILED' })
  t.equal(node.network.status().blocked, 1)
})
