import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { type SignedRecord, sealRecord } from '../../../../plugins/discovery/introductions/signed-record.ts'
import { peersProtocol } from '../../../../plugins/discovery/wire/codec.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { createDiscoveryNode, type DiscoveryNode } from '../discovery-node.ts'

const PASSIVE = { targetPeers: 0, targetMembers: 0 }

async function strangers(count: number, address = '/ip4/127.0.0.1/tcp/9'): Promise<SignedRecord[]> {
  const records: SignedRecord[] = []
  for (let at = 0; at < count; at++) {
    const privateKey = await generateKeyPair('Ed25519')
    records.push(await sealRecord(peerIdFromPrivateKey(privateKey), 1n, [multiaddr(address)], privateKey))
  }
  return records
}

const bootstrapOf = ({ port }: DiscoveryNode): string[] => port.addresses().map(String)
const stopAll = (nodes: readonly DiscoveryNode[]): Promise<unknown> =>
  Promise.all(nodes.map(node => node.stop()))

/** Resolves once the node knows that the peer may be dialed at `address`. */
function hears({ peers }: DiscoveryNode, peer: PeerId, address: string): Promise<unknown> {
  return eventually(`${peer} at ${address}`, () => peers.get(peer)?.addresses.find(text => text === address))
}

t.test('one bootstrap address is enough for all to know all', async t => {
  const first = await createDiscoveryNode()
  const others = await Promise.all(
    [1, 2, 3].map(() => createDiscoveryNode({ config: { bootstrap: bootstrapOf(first) } })),
  )
  const all = [first, ...others]
  await Promise.all(all.map(node => node.connected(3)))
  const told = others.flatMap(node => others.map(other => node.finder.sourceOf(other.port.self.toString())))
  t.ok(told.includes('exchange'), 'of two that are told of each other one calls first')
  await eventually('members', () =>
    others.every(node => others.every(other => other === node || node.finder.isMember(other.port.self)))
      ? true
      : undefined,
  )
  t.match(await others[0]?.metrics.text(), /skep_discovery_exchanges_total\{kind="failed"\} 0\n/)
  await stopAll(all)
})

t.test('a peer that moved is known elsewhere at once, also where its clock went back', async t => {
  const [hub, watcher] = await Promise.all([
    createDiscoveryNode({ config: { dial: PASSIVE } }),
    createDiscoveryNode({ config: { dial: PASSIVE } }),
  ])
  await watcher.port.dial(hub.port.addresses())
  const privateKey = await generateKeyPair('Ed25519')
  // The one in the middle is all it connects to.
  const config = { bootstrap: bootstrapOf(hub), dial: { targetPeers: 1, targetMembers: 1 } }
  const before = await createDiscoveryNode({ privateKey, config })
  const { self } = before.port
  await hears(watcher, self, before.port.addresses()[0]?.decapsulate(`/p2p/${self}`).toString() ?? '')
  const isGone = hub.next('peer:disconnected')
  await before.stop()
  await isGone
  const after = await createDiscoveryNode({ privateKey, config, clock: () => 1000 })
  const address = after.port.addresses()[0]?.decapsulate(`/p2p/${self}`).toString() ?? ''
  await hears(watcher, self, address)
  t.equal(watcher.port.connections(self).length, 0, 'it was told by the peer in the middle')
  await stopAll([hub, watcher, after])
})

t.test('what a stranger tells is bounded and goes no further; what is forged is charged', async t => {
  const liar = await createDiscoveryNode({ config: { exchange: { enabled: false } } })
  const [victim, friend] = await Promise.all([
    createDiscoveryNode({ config: { dial: PASSIVE } }),
    createDiscoveryNode({ config: { dial: PASSIVE } }),
  ])
  await Promise.all([
    liar.port.dial(victim.port.addresses()),
    friend.port.dial(victim.port.addresses()),
    victim.connected(2),
  ])
  const tell = (records: readonly SignedRecord[]): Promise<unknown> => {
    const question = { records: records.map(({ bytes }) => bytes), wanted: 32 }
    return eventually('an answer', () =>
      peersProtocol.call(liar.port, victim.port.self, question).catch(error => {
        if (error.code !== 'REQUEST_FAILED') throw error
        return undefined
      }),
    )
  }
  const told = await strangers(96)
  for (let at = 0; at < told.length; at += 32) await tell(told.slice(at, at + 32))
  const known = told.filter(({ peer }) => victim.finder.sourceOf(peer.toString()) === 'exchange')
  t.equal(known.length, 64)
  t.notOk(
    known.some(({ peer }) => victim.finder.isMember(peer)),
    'a stranger makes no members',
  )
  t.match(await victim.metrics.text(), 'skep_discovery_records_total{result="refused"} 32\n')
  const evidence = () => victim.peers.get(liar.port.self)?.evidence['protocol-violation'] ?? 0
  const honest = evidence()
  const [one] = await strangers(1)
  if (!one) throw new Error('a record')
  const bytes = Uint8Array.from(one.bytes)
  bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1
  await eventually('the charge', async () => {
    await t.rejects(peersProtocol.call(liar.port, victim.port.self, { records: [bytes], wanted: 0 }), {
      code: 'REQUEST_FAILED',
    })
    return evidence() > honest && (await victim.metrics.text()).includes('result="invalid"} 1')
      ? true
      : undefined
  })
  t.equal(victim.finder.sourceOf(one.peer.toString()), undefined)
  t.ok(
    told.every(({ peer }) => friend.finder.sourceOf(peer.toString()) === undefined),
    'hearsay stays',
  )
  await stopAll([liar, victim, friend])
})

t.test('a peer that is asked too much of tells so much and no more', async t => {
  const node = await createDiscoveryNode({ config: { dial: PASSIVE } })
  const asker = await createDiscoveryNode({ config: { exchange: { enabled: false } } })
  await asker.port.dial(node.port.addresses())
  const { records } = await peersProtocol.call(asker.port, node.port.self, {
    records: [],
    wanted: 2 ** 32 - 1,
  })
  t.equal(records.length, 1, 'its own')
  const many = { records: Array.from({ length: 33 }, () => new Uint8Array(1)), wanted: 1 }
  await t.rejects(peersProtocol.call(asker.port, node.port.self, many))
  await eventually('the charge', () => node.peers.get(asker.port.self)?.evidence['protocol-violation'])
  await stopAll([node, asker])
})

t.test('a peer that does not speak the protocol is left alone', async t => {
  const node = await createDiscoveryNode()
  const plain = await createDiscoveryNode({ config: { exchange: { enabled: false } } })
  await node.port.dial(plain.port.addresses())
  await eventually('identify', () => node.peers.get(plain.port.self)?.protocols[0])
  await eventually('the question', () => (node.finder.describe() as { exchange: object }).exchange)
  t.match(node.finder.describe(), { exchange: { friends: 0, records: 0 } })
  t.match(await node.metrics.text(), 'skep_discovery_exchanges_total{kind="failed"} 0\n')
  await stopAll([node, plain])
})
