import { randomBytes } from 'node:crypto'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerStore } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { lpStream } from '@libp2p/utils'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { decode } from 'multiformats/hashes/digest'
import t, { type Test } from 'tap'
import { encode } from 'uint8-varint'
import { cidOf } from '../../../core/content/hashes.ts'
import { encodeAddProvider } from '../../../plugins/routing/dht/add-provider.ts'
import { KadMessage, KadPeer } from '../../../plugins/routing/wire/kad.js'
import { eventually } from '../../helpers/eventually.ts'
import { startStockNode } from '../network/nodes.ts'
import { FLEET, type RoutedNode, startRouting } from './fixture.ts'

const KAD = '/skep/kad/1.0.0'
const RAW = 0x55
/** What base58 takes for 30,000 bytes, on a fast machine. */
const FREEZE_MS = 3000
/** https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages */
const GET_VALUE = 1
const ADD_PROVIDER = 2
const FIND_NODE = 4
const CLOSER = 8
const LENGTH_DELIMITED = 2
const identity = (): Uint8Array => Buffer.concat([Buffer.of(0, 36, 8, 1, 18, 32), randomBytes(32)])

/** Peers that an answer says are closer. */
function closer(peers: readonly { id: Uint8Array; multiaddrs: readonly Uint8Array[] }[]): Uint8Array {
  return Buffer.concat(
    peers.flatMap(({ id, multiaddrs }) => {
      const bytes = KadPeer.encode({
        id: new Uint8Array(id),
        multiaddrs: multiaddrs.map(address => new Uint8Array(address)),
      })
      return [Buffer.of((CLOSER << 3) | LENGTH_DELIMITED), encode(bytes.byteLength), bytes]
    }),
  )
}

/** A node of the DHT that answers every question with that. */
async function startLiar(t: Test, answer: () => Uint8Array): Promise<{ liar: Libp2p; asked: () => number }> {
  const liar = await startStockNode(t, { services: { identify: identify(), ping: ping() } })
  let asked = 0
  await liar.handle(KAD, async stream => {
    const messages = lpStream(stream, { maxDataLength: 1024 * 1024 })
    for (;;) {
      const question = await messages.read()
      asked++
      const { type, key } = KadMessage.decode(question.subarray())
      const head = KadMessage.encode({ type, key, providers: [] })
      await messages.write(Buffer.concat([head, answer()]))
    }
  })
  return { liar, asked: () => asked }
}

const storeOf = ({ port }: RoutedNode): Promise<PeerStore> =>
  port.attach('looks', ({ peerStore }: { peerStore: PeerStore }) => peerStore)

async function meet(victim: RoutedNode, liar: Libp2p): Promise<void> {
  await liar.dial(victim.port.addresses())
  await eventually('the liar in the table', () => (victim.status().dht.peers > 0 ? true : undefined))
}

t.test('an answer names as many peers as are of use, whatever it says', async t => {
  const address = multiaddr('/ip4/127.0.0.1/tcp/9').bytes
  const peers = Array.from({ length: 4000 }, () => ({ id: identity(), multiaddrs: [address] }))
  const { liar, asked } = await startLiar(t, () => closer(peers))
  const victim = await startRouting(t, { config: FLEET })
  await meet(victim, liar)
  t.same(await victim.providersOf(cidOf(RAW, randomBytes(8))), new Map())
  t.ok(asked() > 0)
  const told = victim.found.size - 1
  t.ok(told > 0 && told <= 40 * asked(), `${told} peers of ${asked()} answers`)
})

t.test('and of each as many addresses as are of use', async t => {
  const ports = Array.from({ length: 15_000 }, (_, at) => multiaddr(`/ip4/127.0.0.1/tcp/${at + 1}`).bytes)
  const id = identity()
  const { liar } = await startLiar(t, () => closer([{ id, multiaddrs: ports }]))
  const victim = await startRouting(t, { config: FLEET })
  await meet(victim, liar)
  await victim.providersOf(cidOf(RAW, randomBytes(8)))
  const store = await storeOf(victim)
  const peer = peerIdFromMultihash(decode(id))
  await eventually('the peer', async () => ((await store.has(peer)) ? true : undefined))
  t.equal((await store.get(peer)).addresses.length, 16)
})

t.test('whoever tells ever new addresses of itself has so many in the end', async t => {
  const victim = await startRouting(t, { config: FLEET })
  const stock = await startStockNode(t)
  const connection = await stock.dial(victim.port.addresses())
  const stream = await connection.newStream(KAD)
  const messages = lpStream(stream)
  const hash = Buffer.concat([Buffer.of(0x12, 32), randomBytes(32)])
  for (let at = 0; at < 10; at++) {
    const addresses = Array.from({ length: 100 }, (_, port) =>
      multiaddr(`/ip4/192.0.2.${at}/tcp/${port + 1}`),
    )
    await messages.write(encodeAddProvider(hash, { peer: stock.peerId, addresses }))
  }
  // A question behind them tells that they were read.
  await messages.write(KadMessage.encode({ type: FIND_NODE, key: new Uint8Array(hash), providers: [] }))
  await messages.read()
  const store = await storeOf(victim)
  t.ok((await store.get(stock.peerId)).addresses.length <= 64)
  t.equal(victim.status().dht.records, 1)
})

t.test('an address with a peer id that is none for its length is not read', async t => {
  const victim = await startRouting(t, { config: FLEET })
  const stock = await startStockNode(t)
  const connection = await stock.dial(victim.port.addresses())
  const hash = Buffer.concat([Buffer.of(0x12, 32), randomBytes(32)])
  const id = Buffer.concat([encode(0), encode(30_000), randomBytes(30_000)])
  const address = Buffer.concat([encode(CODE_P2P), encode(id.byteLength), id])
  const provider = { id: stock.peerId.toMultihash().bytes, multiaddrs: [new Uint8Array(address)] }
  const fromMs = performance.now()
  const said = lpStream(await connection.newStream(KAD))
  await said.write(
    KadMessage.encode({ type: ADD_PROVIDER, key: new Uint8Array(hash), providers: [provider as never] }),
  )
  await said.read().catch(() => {})
  const asked = lpStream(await connection.newStream(KAD))
  await asked.write(KadMessage.encode({ type: FIND_NODE, key: new Uint8Array(hash), providers: [] }))
  await asked.read()
  t.ok(performance.now() - fromMs < FREEZE_MS, `${Math.round(performance.now() - fromMs)} ms`)
  t.equal(victim.status().dht.records, 0)
})

t.test('nor a peer id with thousands of bytes behind its key', async t => {
  const victim = await startRouting(t, { config: FLEET })
  const stock = await startStockNode(t)
  const connection = await stock.dial(victim.port.addresses())
  const padded = Buffer.concat([
    ...[Buffer.of(8, 1, 18, 32), randomBytes(32)],
    ...[Buffer.of((15 << 3) | LENGTH_DELIMITED), encode(30_000), randomBytes(30_000)],
  ])
  const key = Buffer.concat([Buffer.from('/pk/'), encode(0), encode(padded.byteLength), padded])
  const fromMs = performance.now()
  const asked = lpStream(await connection.newStream(KAD))
  await asked.write(KadMessage.encode({ type: GET_VALUE, key: new Uint8Array(key), providers: [] }))
  await asked.read().catch(() => {})
  t.ok(performance.now() - fromMs < FREEZE_MS, `${Math.round(performance.now() - fromMs)} ms`)
})
