import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { SecuredConnection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import { createCertificate } from '../../../core/network/tls-certificate.ts'
import { rawSocketOf } from '../../../core/network/traffic.ts'
import { startRelay } from '../../helpers/relay.ts'
import { gone, nextEvent, portOf, protocolOf, startNode } from './nodes.ts'
import {
  collect,
  encrypter,
  type Make,
  pattern,
  rawListener,
  rawPair,
  type SecuredPair,
  securePair,
} from './raw-connections.ts'

/** More than all buffers between two ends together, so that some of it is still queued. */
const MUCH = 8 * 1024 * 1024
const PART = 64 * 1024

function sendAll({ connection }: SecuredPair['client'], bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += PART) connection.send(bytes.subarray(at, at + PART))
}

for (const make of ['native', 'stock'] as Make[]) {
  t.test(`what is queued when a connection is closed still arrives at a ${make} reader`, async t => {
    const pair = await rawPair(t)
    const { client, server } = await securePair(pair, { server: await encrypter(make) })
    const { dialed, relay } = pair
    const much = pattern(MUCH)
    relay.hold('up')
    sendAll(client, much)
    t.ok(client.connection.writeBufferLength > 0, 'some of it is not even with the TLS engine')
    const [left, right] = [gone(client.connection), gone(server.connection)]
    const arrived = collect(server.connection)
    // libp2p closes the raw connection, below the secured one.
    const closed = dialed.close()
    relay.release('up')
    t.ok((await arrived.upTo(MUCH)).equals(much))
    await closed
    t.same(await Promise.all([left, right]), [undefined, undefined], 'both ends without an error')
    t.ok(rawSocketOf(dialed)?.destroyed, 'the socket is freed')
  })
}

t.test('what a peer still says to a connection that is closing, and is answered, costs nothing', async t => {
  const pair = await rawPair(t)
  const { client, server } = await securePair(pair)
  // More than the kernel takes on both stretches, and in one piece: the TLS engine has it all, and can't send it all.
  const much = Buffer.alloc(4 * MUCH, pattern(PART))
  server.connection.pause()
  client.connection.send(much)
  t.equal(client.connection.writeBufferLength, 0)
  const ended = gone(server.connection)
  const closed = pair.dialed.close()
  const asked = collect(client.connection)
  // As a muxer does, which answers pings and opens windows until it hears that the connection is gone.
  client.connection.addEventListener('message', () => client.connection.send(Buffer.from('pong')))
  server.connection.send(Buffer.from('ping'))
  await asked.upTo(4)
  t.ok(pair.relay.seen('up').length < much.length, 'most of it is still to be sent')
  const arrived = collect(server.connection)
  server.connection.resume()
  t.ok((await arrived.upTo(much.length)).equals(much))
  await closed
  t.equal(await ended, undefined, 'an end, and no reset')
})

t.test('what is said to a connection that has just been closed is lost, and nothing else', async t => {
  const pair = await rawPair(t)
  const { client, server } = await securePair(pair)
  const arrived = collect(server.connection)
  const ends = Promise.all([gone(client.connection), gone(server.connection)])
  client.connection.send(Buffer.from('in time'))
  const closed = pair.dialed.close()
  client.connection.send(Buffer.from('too late'))
  t.same(await ends, [undefined, undefined], 'without an error')
  await closed
  t.equal(arrived.bytes().toString(), 'in time')
})

/** A peer that has Node's TLS and nothing of ours, and our end of its connection. */
async function connectPlain(t: Test, options: { readonly allowHalfOpen?: boolean } = {}) {
  const listener = await rawListener(t)
  const socket = connectTcp({ host: '127.0.0.1', port: listener.port, ...options })
  t.teardown(() => socket.destroy())
  const inbound = listener.accepted.then(async accepted =>
    (await encrypter('native')).secureInbound(accepted),
  )
  const peer = connectTls({
    socket,
    ...(await createCertificate(await generateKeyPair('Ed25519'))),
    rejectUnauthorized: false,
    ALPNProtocols: ['libp2p'],
  })
  await once(peer, 'secureConnect')
  return { socket, peer, inbound }
}

t.test('a peer that ends its side first is sent what is queued, and then the end', async t => {
  const { peer, inbound } = await connectPlain(t, { allowHalfOpen: true })
  const server = await inbound
  const heard = collect(server.connection)
  const much = pattern(MUCH)
  sendAll(server, much)
  t.ok(server.connection.writeBufferLength > 0)
  const ended = gone(server.connection)
  peer.end('last words')
  const parts: Buffer[] = []
  for await (const part of peer) parts.push(part)
  t.ok(Buffer.concat(parts).equals(much))
  t.equal(await ended, undefined, 'without an error')
  t.equal(heard.bytes().toString(), 'last words')
  t.equal(server.connection.status, 'closed')
})

t.test('a peer that is gone as soon as it is connected is not waited for', async t => {
  const { peer, socket, inbound } = await connectPlain(t)
  // It says its end and then resets, as a connection that is aborted does.
  peer.write('hello')
  Object.assign(socket, { resetAndClosing: true })
  peer.destroy()
  const welcome = ({ connection }: SecuredConnection): Promise<Error | undefined> => {
    const ended = gone(connection)
    connection.send(Buffer.from('welcome'))
    return ended
  }
  // Where the reset is heard before the handshake is over, that fails.
  t.match(await inbound.then(welcome, error => error), Error)
})

t.test('a connection that is reset in the midst of a transfer ends both ends with an error', async t => {
  const pair = await rawPair(t)
  const { client, server } = await securePair(pair)
  const sockets = [pair.dialed, pair.accepted].map(rawSocketOf)
  const ends = Promise.all([gone(client.connection), gone(server.connection)])
  const arrived = collect(server.connection)
  const part = pattern(PART)
  const sending = (async () => {
    for (;;) {
      client.connection.send(part)
      await setImmediate()
    }
  })()
  const refused = t.rejects(sending, 'whoever goes on sending is told')
  await arrived.upTo(10 * PART)
  pair.relay.reset()
  t.match(await ends, [Error, Error])
  await refused
  const sent = arrived.bytes().length
  t.same(
    [client, server].map(({ connection }) => connection.status === 'open'),
    [false, false],
    `after ${sent} bytes`,
  )
  t.match(
    sockets.map(socket => socket?.destroyed),
    [true, true],
    'both sockets are freed',
  )
})

t.test('a connection that one side aborts is reset on the other', async t => {
  const pair = await rawPair(t)
  const { client, server } = await securePair(pair)
  const ends = Promise.all([gone(client.connection), gone(server.connection)])
  sendAll(client, pattern(MUCH))
  pair.dialed.abort(new Error('cut'))
  t.match(await ends, [{ message: 'cut' }, Error])
})

t.test('closing a connection to a peer that reads nothing ends with the patience of the caller', async t => {
  const pair = await rawPair(t)
  const { client, server } = await securePair(pair)
  server.connection.pause()
  // More than the kernel takes on both stretches, so that it can't all be sent.
  const part = Buffer.alloc(1024 * 1024)
  for (let sent = 0; sent < 64; sent++) client.connection.send(part)
  const cut = new AbortController()
  const closed = client.connection.close({ signal: cut.signal })
  cut.abort(new Error('enough'))
  await t.rejects(closed)
  const ended = gone(client.connection)
  pair.dialed.abort(new Error('enough'))
  t.match(await ended, { message: 'enough' })
  t.ok(rawSocketOf(pair.dialed)?.destroyed, 'the socket is freed')
})

t.test(
  'two nodes whose connection is reset while they talk: readers hear it, and nothing is left',
  async t => {
    const [alice, bob] = [await startNode(t), await startNode(t)]
    const relay = await startRelay(t, { to: portOf(bob) })
    const protocol = protocolOf()
    const read = Promise.withResolvers<unknown>()
    await bob.port.handle(protocol, async channel => {
      await channel.write(Buffer.from('go'))
      await channel.read()
      read.resolve(await channel.readPayload(MUCH).catch(error => error))
    })
    await alice.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${relay.port}/p2p/${bob.port.self}`))
    const channel = await alice.port.open(bob.port.self, protocol)
    await channel.read()
    const half = MUCH / 2
    const writing = channel.write(Buffer.from('much'), pattern(half))
    const waiting = channel.read()
    await Promise.all([writing, relay.arrived('up', half)])
    const left = Promise.all([alice, bob].map(({ events }) => nextEvent(events, 'peer:disconnected')))
    relay.reset()
    await t.rejects(waiting)
    t.match(await read.promise, Error, 'the half that came is no whole')
    await left
    t.ok(channel.signal.aborted)
    t.same([alice.port.connections(), bob.port.connections()], [[], []])
  },
)
