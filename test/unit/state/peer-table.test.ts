import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import t from 'tap'
import { createEvents, type NodeEvents } from '../../../core/events.ts'
import type { PeerTable } from '../../../core/state/peer-state.ts'
import { createPeers } from '../../../core/state/peer-table.ts'

const ids = await Promise.all(
  Array.from({ length: 12 }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))),
)
const [alice, bob, carol] = ids as [(typeof ids)[0], (typeof ids)[0], (typeof ids)[0]]
const facts = { direction: 'inbound', address: '/ip4/127.0.0.1/tcp/1' } as const

function create(maxPeers: number, clock = () => 0): { peers: PeerTable; emitted: string[] } {
  const emitted: string[] = []
  const events = createEvents(() => {})
  const note = (name: keyof NodeEvents) =>
    events.on(name, payload => {
      if ('peer' in payload) emitted.push(`${name} ${ids.findIndex(id => id.equals(payload.peer))}`)
    })
  for (const name of ['peer:connected', 'peer:disconnected', 'peer:evidence'] as const) note(name)
  return { peers: createPeers({ maxPeers }, { events, clock, nowMs: clock }), emitted }
}

t.test('the least recently seen leaves first, the connected never', async t => {
  const { peers } = create(2)
  peers.connected(alice, facts)
  peers.report(bob, 'timeout', 'slow')
  peers.report(carol, 'timeout', 'slow')
  t.equal(peers.get(bob), undefined)
  t.match(peers.get(alice), { liveness: 'connected' })
  t.match(peers.get(carol), { evidence: { timeout: 1 } })
})

t.test('the table is bounded whatever happens', async () => {
  const step = fc.record({
    peer: fc.nat({ max: ids.length - 1 }),
    what: fc.constantFrom('connect', 'disconnect', 'report', 'bytes', 'identify', 'unreachable'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 6 }), (steps, maxPeers) => {
      const { peers } = create(maxPeers)
      const connected = new Set<number>()
      for (const { peer, what } of steps) {
        const id = ids[peer] ?? alice
        if (what === 'connect') {
          peers.connected(id, facts)
          connected.add(peer)
        } else if (what === 'disconnect') {
          peers.disconnected(id)
          connected.delete(peer)
        } else if (what === 'report') peers.report(id, 'overload', '')
        else if (what === 'bytes') peers.countBytes(id, 'sent', 1)
        else if (what === 'identify') peers.identified(id, { protocols: [], addresses: [] })
        else peers.unreachable(id)
        const list = peers.list()
        if (list.length > Math.max(maxPeers, connected.size + 1)) return false
        const kept = list.filter(({ liveness }) => liveness === 'connected').length
        if (kept !== connected.size) return false
      }
      return true
    }),
    {
      examples: [
        [
          [
            { peer: 2, what: 'connect' },
            { peer: 0, what: 'bytes' },
            { peer: 2, what: 'disconnect' },
          ],
          1,
        ],
      ],
    },
  )
})

t.test('each change is told once', async t => {
  const { peers, emitted } = create(5)
  peers.connected(alice, facts)
  peers.connected(alice, { ...facts, direction: 'outbound' })
  peers.disconnected(alice)
  peers.disconnected(alice)
  peers.disconnected(bob)
  peers.report(alice, 'overload', 'too many streams')
  t.same(emitted, ['peer:connected 0', 'peer:disconnected 0', 'peer:evidence 0'])
})

t.test('a summary is plain JSON, and grows with what is known', async t => {
  let nowMs = 1000
  const { peers } = create(5, () => nowMs)
  peers.connected(alice, { ...facts, encryption: '/tls/1.0.0' })
  peers.roundTrip(alice, 12)
  peers.identified(alice, {
    agent: 'a'.repeat(1000),
    protocols: ['/x'],
    addresses: Array.from({ length: 50 }, (_, port) => `/ip4/1.2.3.4/tcp/${port}`),
  })
  peers.countBytes(alice, 'received', 10)
  peers.countBytes(alice, 'received', 5)
  peers.countBytes(alice, 'sent', 7)
  nowMs = 5000
  const summary = peers.get(alice)
  t.match(summary, {
    peer: alice.toString(),
    liveness: 'connected',
    direction: 'inbound',
    encryption: '/tls/1.0.0',
    latencyMs: 12,
    connectedMs: 1000,
    lastSeenMs: 5000,
    bytesReceived: 15,
    bytesSent: 7,
    protocols: ['/x'],
  })
  t.equal(summary?.agent?.length, 256, 'what a peer says of itself is cut')
  t.equal(summary?.addresses.length, 16)
  t.same(JSON.parse(JSON.stringify(peers.list())), peers.list())
  peers.disconnected(alice)
  nowMs = 9000
  t.match(peers.get(alice), {
    liveness: 'reachable',
    lastSeenMs: 5000,
    direction: undefined,
    latencyMs: undefined,
  })
})

const where = [multiaddr('/ip4/192.0.2.1/tcp/4001')]
const listed = (peers: PeerTable): number[] =>
  peers.list().map(({ peer }) => ids.findIndex(id => id.toString() === peer))

t.test('who is merely heard of takes the place of nobody that was met', async t => {
  const { peers } = create(3)
  const [a, b, c, d] = ids as [(typeof ids)[0], (typeof ids)[0], (typeof ids)[0], (typeof ids)[0]]
  peers.connected(a, facts)
  peers.disconnected(a)
  peers.connected(b, facts)
  peers.disconnected(b)
  t.equal(peers.found(c, 'exchange', where), true)
  t.equal(peers.found(d, 'exchange', where), true, 'it takes the place of one as unknown')
  t.same(listed(peers), [0, 1, 3])
  peers.found(b, 'mdns', where)
  for (const id of ids.slice(4, 6)) {
    peers.connected(id, facts)
    peers.disconnected(id)
  }
  t.same(listed(peers), [1, 4, 5], 'members leave last')
  t.equal(peers.found(d, 'dht', where), false, 'there is no room')
  await peers.tag(ids[4] ?? a, 'friend', 1)
  for (const id of ids.slice(6, 9)) {
    peers.connected(id, facts)
    peers.disconnected(id)
  }
  t.ok(listed(peers).includes(4), 'who is tagged stays')
})

t.test('how a peer was found', async t => {
  const { peers } = create(9)
  peers.found(alice, 'dht', where)
  t.match(peers.get(alice), { foundBy: 'dht', liveness: 'reachable', lastSeenMs: undefined })
  peers.found(alice, 'remembered', [])
  peers.found(alice, 'exchange', [])
  t.match(peers.get(alice), { foundBy: 'dht' }, 'the first way counts')
  peers.found(alice, 'mdns', [])
  t.match(peers.get(alice), { foundBy: 'mdns' }, 'but for one that makes a member')
  peers.found(alice, 'manual', [])
  t.match(peers.get(alice), { foundBy: 'mdns' })
  peers.connected(bob, facts)
  t.match(peers.get(bob), { foundBy: 'inbound', addresses: [] }, 'nobody listens where it calls from')
  peers.connected(carol, { direction: 'outbound', address: `/ip4/192.0.2.9/tcp/1/p2p/${carol}` })
  t.match(peers.get(carol), { foundBy: undefined, addresses: ['/ip4/192.0.2.9/tcp/1'] })
  peers.identified(carol, { protocols: [], addresses: ['/ip4/10.0.0.1/tcp/1'] })
  t.match(peers.get(carol), { addresses: ['/ip4/192.0.2.9/tcp/1', '/ip4/10.0.0.1/tcp/1'] })
})

t.test('addresses of a peer begin with where it was reached, and loopback leads nowhere else', async t => {
  const { peers } = create(9)
  const said = ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1', '/ip4/10.0.0.9/tcp/1', '/ip4/10.0.0.2/tcp/1']
  const elsewhere = ['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.9/tcp/1']
  for (const [peer, direction, address] of [
    [alice, 'outbound', `/ip4/10.0.0.2/tcp/1/p2p/${alice}`],
    [bob, 'inbound', '/ip4/10.0.0.2/tcp/50000'],
  ] as const) {
    peers.connected(peer, { direction, address })
    peers.identified(peer, { protocols: [], addresses: said })
    t.same(peers.get(peer)?.addresses, elsewhere, direction)
    peers.disconnected(peer)
    peers.found(peer, 'mdns', [multiaddr('/ip4/10.0.0.9/tcp/1'), multiaddr('/ip4/127.0.0.1/tcp/1')])
    t.same(peers.get(peer)?.addresses, elsewhere, 'also where it is found again')
  }
  peers.connected(carol, { direction: 'inbound', address: '/ip4/127.0.0.1/tcp/50000' })
  peers.identified(carol, { protocols: [], addresses: said })
  t.equal(peers.get(carol)?.addresses[0], said[0], 'on the same machine it does')
  const dave = ids[3] as typeof alice
  peers.found(
    dave,
    'mdns',
    said.map(text => multiaddr(text)),
  )
  t.same(peers.get(dave)?.addresses, [...said.slice(2), ...said.slice(0, 2)], 'unmet: last')
})

t.test('remembered are those that were met and have an address, the last one first', async t => {
  const { peers } = create(9)
  peers.found(alice, 'exchange', where)
  peers.connected(bob, { direction: 'outbound', address: '/ip4/192.0.2.2/tcp/1' })
  peers.disconnected(bob)
  peers.connected(carol, { direction: 'outbound', address: 'no address at all' })
  peers.found(carol, 'bootstrap', where)
  t.same(
    peers
      .remembered()
      .map(({ peer, addresses, foundBy }) => [peer.toString(), addresses.map(String), foundBy]),
    [
      [carol.toString(), ['/ip4/192.0.2.1/tcp/4001'], 'bootstrap'],
      [bob.toString(), ['/ip4/192.0.2.2/tcp/1'], undefined],
    ],
  )
  t.equal(peers.forget(carol), false, 'who is connected is not forgotten')
  t.equal(peers.forget(bob), true)
  t.equal(peers.forget(bob), false)
  t.equal(peers.get(bob), undefined)
})

/** Alice is connected and was asked something, at 0. */
function createAsked() {
  let nowMs = 0
  const told: string[] = []
  const events = createEvents(() => {})
  events.on('peer:liveness', ({ liveness }) => void told.push(liveness))
  const peers = createPeers({ maxPeers: 3 }, { events, nowMs: () => nowMs })
  peers.connected(alice, facts)
  peers.asked(alice)
  const at = (ms: number): void => {
    nowMs = ms
  }
  return { peers, told, at }
}

t.test('a peer that goes silent is told once, and so is its coming back', async t => {
  const { peers, told, at } = createAsked()
  peers.review()
  at(20_000)
  peers.review()
  peers.review()
  t.match(peers.get(alice), { liveness: 'suspect' })
  t.same(told, ['suspect'])
  peers.countBytes(alice, 'received', 1)
  peers.review()
  t.same(told, ['suspect', 'connected'])
  peers.asked(alice)
  at(60_000)
  peers.disconnected(alice)
  t.match(peers.get(alice), { liveness: 'suspect' }, 'it ended in silence')
})

t.test('a suspect that comes anew answers: that is told, too', async t => {
  const { peers, told, at } = createAsked()
  at(20_000)
  peers.review()
  peers.connected(alice, { ...facts, direction: 'outbound' })
  peers.review()
  t.same(told, ['suspect', 'connected'])
})

t.test('who had to stay may leave once that is over', async t => {
  const { peers } = create(1)
  await peers.tag(alice, 'friend', 1)
  peers.connected(bob, facts)
  peers.report(carol, 'timeout', 'slow')
  t.same(listed(peers), [0, 1, 2])
  await peers.untag(alice)
  t.same(listed(peers), [1])
  peers.report(carol, 'timeout', 'slow')
  peers.disconnected(bob)
  t.same(listed(peers), [1], 'one that was met outlasts one that was merely heard of')
})
