import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { byteStream } from '@libp2p/utils'
import t from 'tap'
import { createCertificate } from '../../../core/network/tls-certificate.ts'
import { rawSocketOf } from '../../../core/network/traffic.ts'
import { startRelay } from '../../helpers/relay.ts'
import { portOf, startNode } from './nodes.ts'
import { collect, encrypter, type Make, pattern, rawPair } from './raw-connections.ts'

const sides: [client: Make, server: Make][] = [
  ['native', 'native'],
  ['native', 'stock'],
  ['stock', 'native'],
]

for (const [client, server] of sides) {
  t.test(`data in one piece with the end of the handshake: ${client} dials ${server}`, async t => {
    const { dialed, accepted, relay } = await rawPair(t)
    relay.hold('up')
    const [dialer, listener] = [await encrypter(client), await encrypter(server)]
    const inbound = listener.secureInbound(accepted)
    const outbound = dialer.secureOutbound(dialed, { remotePeer: listener.peer })
    await relay.arrived('up', 1)
    relay.flush('up')

    // The dialer is done when it has the listener's part, while its own last one is on the way.
    const { connection: near } = await outbound
    const early = pattern(20_000)
    const handshake = rawSocketOf(dialed)?.bytesWritten ?? 0
    near.send(early.subarray(0, 7))
    near.send(early.subarray(7))
    await relay.arrived('up', handshake + early.length)
    relay.release('up')

    const { connection: far, remotePeer } = await inbound
    t.ok(remotePeer.equals(dialer.peer))
    const answer = pattern(20_000, 2)
    far.send(answer)
    await Promise.all([buffered(far, early.length), buffered(near, answer.length)])
    t.same(await collect(far).upTo(early.length), early, 'all of it waits for whoever listens late')
    t.same(await collect(near).upTo(answer.length), answer)
  })
}

async function buffered(connection: object, bytes: number): Promise<void> {
  const { readBuffer } = connection as { readBuffer: { byteLength: number } }
  while (readBuffer.byteLength < bytes) await new Promise(resolve => setImmediate(resolve))
}

t.test('what was read too far before the handshake goes back, on both sides', async t => {
  const { dialed, accepted, relay } = await rawPair(t)
  const [dialer, listener] = [await encrypter('native'), await encrypter('native')]
  relay.hold('up')
  dialed.send(Buffer.from('hello\n'))
  const outbound = dialer.secureOutbound(dialed)
  await relay.arrived('up', 200)
  relay.release('up')

  // As multistream-select does: reads its lines, and gives back what else came along.
  const lines = byteStream(accepted)
  await lines.read({ bytes: 6 })
  lines.unwrap()
  const { readBuffer } = accepted as unknown as { readBuffer: { byteLength: number } }
  t.ok(readBuffer.byteLength > 100, 'the dialer has begun its handshake')
  const [near, far] = await Promise.all([outbound, listener.secureInbound(accepted)])
  near.connection.send(Buffer.from('ping'))
  far.connection.send(Buffer.from('pong'))
  t.same(await collect(far.connection).upTo(4), Buffer.from('ping'))
  t.same(await collect(near.connection).upTo(4), Buffer.from('pong'))
})

t.test(
  'a dialer that waits for nothing: its whole handshake in two pieces, its first frame in the last',
  async t => {
    const node = await startNode(t)
    const words = Buffer.from('\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n')
    // The node repeats the words, which the TLS engine of the dialer must not see.
    const relay = await startRelay(t, { to: portOf(node), dropDown: words.length })
    relay.hold('up')
    const socket = connectTcp({ host: '127.0.0.1', port: relay.port })
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    socket.write(words)
    const secure = connectTls({
      socket,
      ...(await createCertificate(await generateKeyPair('Ed25519'))),
      rejectUnauthorized: false,
      ALPNProtocols: ['/yamux/1.0.0'],
    })
    await relay.arrived('up', words.length + 200)
    relay.flush('up')
    await once(secure, 'secureConnect')
    const handshake = socket.bytesWritten
    const ping = Buffer.from('000200010000000012345678', 'hex')
    secure.write(ping)
    await relay.arrived('up', handshake + ping.length)
    relay.release('up')
    // The node pings of its own accord, so its answer need not come first.
    const acknowledged = '000200020000000012345678'
    let heard = ''
    for await (const data of secure) {
      heard += data.toString('hex')
      if (heard.includes(acknowledged)) break
    }
    t.match(heard, acknowledged)
  },
)
