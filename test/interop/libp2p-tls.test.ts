import { once } from 'node:events'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { ConnectionEncrypter, Libp2p, Stream, Upgrader } from '@libp2p/interface'
import { mplex } from '@libp2p/mplex'
import { tls } from '@libp2p/tls'
import type { Libp2pOptions } from 'libp2p'
import t, { type Test } from 'tap'
import type { Channel } from '../../core/api.ts'
import {
  nextEvent,
  protocolOf,
  startNode,
  startStockNode,
  type TestNode,
  text,
} from '../unit/network/nodes.ts'
import { encrypter, type Make, pattern, rawPair, securePair } from '../unit/network/raw-connections.ts'

// Against js-libp2p with its own TLS and Noise, each dialing and dialed.

const protocol = protocolOf()
/** Several windows of a stream, so that both sides have to open them again. */
const MUCH = 3 * 1024 * 1024
const PART = 64 * 1024

type TlsParts = Parameters<ReturnType<typeof tls>>[0]

/** @libp2p/tls that leaves the muxer to be agreed on after the handshake, as peers without ALPN do. */
const tlsWithoutEarlyMuxer = ({ privateKey, logger }: TlsParts): ConnectionEncrypter =>
  tls()({ privateKey, logger, upgrader: { getStreamMuxers: () => new Map() } as unknown as Upgrader })

interface Peer {
  readonly options: Libp2pOptions
  readonly encryption: string
  readonly multiplexer: string
}

const peers: Record<string, Peer> = {
  '@libp2p/tls': {
    options: { connectionEncrypters: [tls()], streamMuxers: [yamux()] },
    encryption: '/tls/1.0.0',
    multiplexer: '/yamux/1.0.0',
  },
  '@libp2p/tls without early muxers': {
    options: { connectionEncrypters: [tlsWithoutEarlyMuxer], streamMuxers: [yamux()] },
    encryption: '/tls/1.0.0',
    multiplexer: '/yamux/1.0.0',
  },
  Noise: {
    options: { connectionEncrypters: [noise()], streamMuxers: [yamux()] },
    encryption: '/noise',
    multiplexer: '/yamux/1.0.0',
  },
  '@libp2p/tls and mplex': {
    options: { connectionEncrypters: [tls()], streamMuxers: [mplex()] },
    encryption: '/tls/1.0.0',
    multiplexer: '/mplex/6.7.0',
  },
  'Noise and mplex': {
    options: { connectionEncrypters: [noise()], streamMuxers: [mplex()] },
    encryption: '/noise',
    multiplexer: '/mplex/6.7.0',
  },
}

const QUESTION = pattern(MUCH, 1)
const ANSWER = pattern(MUCH, 2)
/** As a channel writes it: a message, its length before it, and a payload behind. */
const framed = (payload: Buffer): Buffer => Buffer.concat([Buffer.from('\x04much'), payload])

/** Says all it has to say, and ends its side. */
async function say(stream: Stream, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += PART) {
    if (!stream.send(bytes.subarray(at, at + PART))) await stream.onDrain()
  }
  await stream.close()
}

async function toTheEnd(stream: Stream): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part.subarray())
  return Buffer.concat(parts)
}

async function readMuch(t: Test, channel: Channel): Promise<Buffer> {
  t.equal(text(await channel.read()), 'much')
  const payload = Buffer.from(await channel.readPayload(MUCH))
  t.equal(await channel.read(), undefined, 'the other side has ended')
  return payload
}

for (const [name, { options, encryption, multiplexer }] of Object.entries(peers)) {
  t.test(`a peer with ${name} alone`, async t => {
    const [ours, stock] = [await startNode(t), await startStockNode(t, options)]
    await ours.port.handle(protocol, async channel => {
      t.ok((await readMuch(t, channel)).equals(QUESTION))
      await channel.write(Buffer.from('much'), ANSWER)
      await channel.close()
    })
    const check = async (direction: 'inbound' | 'outbound'): Promise<void> => {
      t.match(ours.port.connections(stock.peerId), [{ encryption, multiplexer, direction }])
      await weOpen(t, ours, stock)
      await theyOpen(t, ours, stock)
      t.equal(ours.port.connections(stock.peerId).length, 1, 'over one connection')
    }

    await t.test('we dial', async t => {
      await ours.port.dial(stock.getMultiaddrs())
      await check('outbound')
      const left = nextEvent(ours.events, 'peer:disconnected')
      const noticed = once(stock, 'peer:disconnect')
      await ours.port.hangUp(stock.peerId)
      await Promise.all([left, noticed])
      t.same([ours.port.connections(), stock.getConnections()], [[], []])
    })

    await t.test('they dial', async t => {
      const met = nextEvent(ours.events, 'peer:connected')
      await stock.dial(ours.port.addresses())
      await met
      await check('inbound')
      const left = nextEvent(ours.events, 'peer:disconnected')
      await stock.stop()
      await left
      t.same(ours.port.connections(), [])
    })
  })
}

/** We say much and end our side; what comes back only then is read to its end. */
async function weOpen(t: Test, ours: TestNode, stock: Libp2p): Promise<void> {
  const heard = Promise.withResolvers<Buffer>()
  const answer = async (stream: Stream): Promise<void> => {
    heard.resolve(await toTheEnd(stream))
    await say(stream, framed(ANSWER))
  }
  await stock.handle(protocol.id, stream => void answer(stream).catch(heard.reject), { force: true })
  const channel = await ours.port.open(stock.peerId, protocol)
  await channel.write(Buffer.from('much'), QUESTION)
  await channel.close()
  t.ok((await readMuch(t, channel)).equals(ANSWER), 'our question is answered')
  t.ok((await heard.promise).equals(framed(QUESTION)))
}

/** And the other way round. */
async function theyOpen(t: Test, ours: TestNode, stock: Libp2p): Promise<void> {
  const stream = await stock.dialProtocol(ours.port.self, protocol.id)
  const heard = toTheEnd(stream)
  await say(stream, framed(QUESTION))
  t.ok((await heard).equals(framed(ANSWER)), 'their question is answered')
}

for (const [client, server] of [
  ['native', 'stock'],
  ['stock', 'native'],
] as [Make, Make][]) {
  const table: [muxers: [string[], string[]], early: string | undefined][] = [
    [[['/yamux/1.0.0'], ['/yamux/1.0.0']], '/yamux/1.0.0'],
    [[['/yamux/1.0.0'], []], undefined],
    [[[], ['/yamux/1.0.0']], undefined],
    [[[], []], undefined],
  ]
  for (const [[dialed, accepted], early] of table) {
    const offers = `[${dialed}] dials ${server} with [${accepted}]`
    t.test(`the muxer in the handshake: ${client} with ${offers}`, async t => {
      const pair = await securePair(await rawPair(t), {
        client: await encrypter(client, { muxers: dialed }),
        server: await encrypter(server, { muxers: accepted }),
      })
      t.equal(pair.client.streamMuxer?.protocol, early)
      t.equal(pair.server.streamMuxer?.protocol, early)
    })
  }
}
