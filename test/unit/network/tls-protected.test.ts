import { yamux } from '@chainsafe/libp2p-yamux'
import type { ConnectionProtector, PrivateKey } from '@libp2p/interface'
import { generateKey, preSharedKey } from '@libp2p/pnet'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import t, { type Test } from 'tap'
import { TlsConnection } from '../../../core/network/tls-connection.ts'
import { startRelay } from '../../helpers/relay.ts'
import { startStockNode } from './nodes.ts'
import {
  collect,
  encrypter,
  encrypterParts,
  type Make,
  nativeTls,
  pattern,
  rawPair,
  securePair,
} from './raw-connections.ts'

const PROTOCOL = '/echo/1.0.0'

function swarmKey(): Uint8Array {
  const key = new Uint8Array(95)
  generateKey(key)
  return key
}

/** js-libp2p whose only encrypter is ours, protected by a key or not. */
async function startProtected(t: Test, key?: Uint8Array): Promise<Libp2p> {
  const node = await startStockNode(t, {
    connectionEncrypters: [parts => nativeTls(parts as typeof parts & { privateKey: PrivateKey })],
    streamMuxers: [yamux()],
    ...(key && { connectionProtector: preSharedKey({ psk: key }) }),
  })
  await node.handle(PROTOCOL, async stream => {
    for await (const part of stream) stream.send(part)
    await stream.close()
  })
  return node
}

async function dialThroughRelay(t: Test, from: Libp2p, to: Libp2p, timeoutMs = 5000) {
  const port = Number(/tcp\/(\d+)/.exec(String(to.getMultiaddrs()[0]))?.[1])
  const relay = await startRelay(t, { to: port })
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${relay.port}/p2p/${to.peerId}`)
  return { relay, dialing: from.dial(address, { signal: AbortSignal.timeout(timeoutMs) }) }
}

async function echo(from: Libp2p, to: Libp2p, bytes: Buffer): Promise<Buffer> {
  const stream = await from.dialProtocol(to.peerId, PROTOCOL)
  const heard = collect(stream)
  stream.send(bytes)
  await heard.upTo(bytes.length)
  await stream.close()
  return heard.bytes()
}

/** What only a connection without protection shows on the wire. */
const PLAIN: Record<string, (wire: Buffer) => boolean> = {
  'multistream-select': wire => wire.includes('/multistream/1.0.0\n'),
  'the name of the encrypter': wire => wire.includes('/tls/1.0.0\n'),
  'a TLS handshake': wire => HELLO.test(wire.toString('hex')),
}
/** A handshake record that begins with a ClientHello or a ServerHello. */
const HELLO = /^(..)*1603(01|03)....0(1|2)00/
/** What two nodes agree on is over within the first kilobytes; random bytes beyond may look like anything. */
const AGREEMENT_BYTES = 8192

t.test('a pre-shared key: TLS goes inside the protection, not past it on the raw socket', async t => {
  const key = swarmKey()
  const [alice, bob] = [await startProtected(t, key), await startProtected(t, key)]
  const { relay, dialing } = await dialThroughRelay(t, alice, bob)
  t.match(await dialing, { encryption: '/tls/1.0.0', multiplexer: '/yamux/1.0.0' })
  const much = pattern(2 * 1024 * 1024)
  t.ok((await echo(alice, bob, much)).equals(much))
  t.ok((await echo(bob, alice, much)).equals(much))
  const wire = [relay.seen('up'), relay.seen('down')]
  for (const bytes of wire) {
    t.ok(bytes.length > much.length, 'all of it went over this wire')
    const agreement = bytes.subarray(0, AGREEMENT_BYTES)
    for (const [name, shows] of Object.entries(PLAIN)) t.notOk(shows(agreement), `does not show ${name}`)
    t.notOk(agreement.includes('/yamux/1.0.0'), 'nor the muxer that a ClientHello offers')
  }
})

t.test('without a key the same wire shows it all', async t => {
  const [alice, bob] = [await startProtected(t), await startProtected(t)]
  const { relay, dialing } = await dialThroughRelay(t, alice, bob)
  await dialing
  const wire = [relay.seen('up'), relay.seen('down')].map(bytes => bytes.subarray(0, AGREEMENT_BYTES))
  for (const [name, shows] of Object.entries(PLAIN)) t.same(wire.map(shows), [true, true], `shows ${name}`)
  t.ok(wire[0]?.includes('/yamux/1.0.0'))
})

t.test('who has no key, or another, stays out, dialing or dialed', async t => {
  const inside = await startProtected(t, swarmKey())
  for (const outside of [await startProtected(t), await startProtected(t, swarmKey())]) {
    await t.rejects((await dialThroughRelay(t, outside, inside, 1000)).dialing)
    await t.rejects((await dialThroughRelay(t, inside, outside, 1000)).dialing)
    t.same([inside.getConnections(), outside.getConnections()], [[], []])
  }
})

t.test('a protector alone is enough to leave the raw socket alone', async t => {
  // Even one that passes the connection on as it is, raw socket and all.
  const connectionProtector: ConnectionProtector = { protect: async connection => connection }
  const { dialed, accepted } = await rawPair(t)
  const ours = nativeTls({ ...(await encrypterParts()), connectionProtector })
  const { client, server } = await securePair({ dialed, accepted }, { client: ours, server: ours })
  client.connection.send(Buffer.from('hello'))
  t.same(await collect(server.connection).upTo(5), Buffer.from('hello'))
  t.notOk(client.connection instanceof TlsConnection)
  t.notOk(server.connection instanceof TlsConnection)
})

const sides: [client: Make, server: Make][] = [
  ['native', 'native'],
  ['native', 'stock'],
  ['stock', 'native'],
]
for (const [client, server] of sides) {
  t.test(`a connection that has no socket, as over a relay: ${client} dials ${server}`, async t => {
    const [dialed, accepted] = multiaddrConnectionPair()
    const [dialer, listener] = [await encrypter(client), await encrypter(server)]
    const pair = await securePair({ dialed, accepted }, { client: dialer, server: listener })
    t.ok(pair.client.remotePeer.equals(listener.peer))
    t.ok(pair.server.remotePeer.equals(dialer.peer))
    t.equal(pair.client.streamMuxer?.protocol, '/yamux/1.0.0')
    t.equal(pair.server.streamMuxer?.protocol, '/yamux/1.0.0')
    for (const [from, to] of [
      [pair.client, pair.server],
      [pair.server, pair.client],
    ] as const) {
      const bytes = pattern(256 * 1024)
      const heard = collect(to.connection)
      from.connection.send(bytes)
      t.ok((await heard.upTo(bytes.length)).equals(bytes))
    }
    await pair.client.connection.close()
  })
}

t.test('the peer that was dialed is checked without a socket, too', async t => {
  const [dialed, accepted] = multiaddrConnectionPair()
  const [dialer, listener, other] = [
    await encrypter('native'),
    await encrypter('native'),
    await encrypter('native'),
  ]
  const inbound = listener.secureInbound(accepted)
  inbound.catch(() => {})
  await t.rejects(dialer.secureOutbound(dialed, { remotePeer: other.peer }), { name: 'UnexpectedPeerError' })
  t.not(dialed.status, 'open')
})
