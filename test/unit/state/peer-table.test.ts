import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
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
