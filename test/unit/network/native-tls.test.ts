import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { mplex } from '@libp2p/mplex'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tls } from '@libp2p/tls'
import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import { createCertificate } from '../../../core/network/tls-certificate.ts'
import { nextEvent, protocolOf, startNode, startStockNode, type TestNode, text } from './nodes.ts'

const protocol = protocolOf()
const MEGABYTE = 1024 * 1024

/** Sends back each message, and a mebibyte behind it. */
function echo(node: TestNode): Promise<void> {
  return node.port.handle(protocol, async channel => {
    for (;;) {
      const message = await channel.read()
      if (!message) return
      await channel.write(message, new Uint8Array(MEGABYTE).fill(message[0] ?? 0))
    }
  })
}

async function talk(t: Test, from: TestNode, to: TestNode): Promise<void> {
  const channel = await from.port.open(to.port.self, protocol)
  for (const word of ['one', 'two', 'three']) await channel.write(Buffer.from(word))
  for (const word of ['one', 'two', 'three']) {
    t.equal(text(await channel.read()), word)
    const payload = await channel.readPayload(MEGABYTE)
    t.ok(payload.every(byte => byte === word.charCodeAt(0)))
  }
  await channel.close()
  t.equal(await channel.read(), undefined)
}

for (const first of ['aes', 'chacha20'] as const) {
  t.test(`two nodes talk both ways over native TLS, ${first} first`, async t => {
    const [alice, bob] = [await startNode(t, { firstCipher: first }), await startNode(t)]
    await Promise.all([echo(alice), echo(bob)])
    await alice.port.dial(bob.port.addresses())
    t.match(alice.port.connections(), [{ encryption: '/tls/1.0.0', multiplexer: '/yamux/1.0.0' }])
    await talk(t, alice, bob)
    await talk(t, bob, alice)
    t.equal(alice.port.connections().length, 1, 'over one connection')
  })
}

t.test('many dials at once, each with data on it right away', async t => {
  const bob = await startNode(t)
  await echo(bob)
  const nodes = await Promise.all(Array.from({ length: 8 }, () => startNode(t)))
  await Promise.all(
    nodes.map(async node => {
      await node.port.dial(bob.port.addresses())
      await talk(t, node, bob)
    }),
  )
  t.equal(bob.network.connections().inbound, 8)
})

const others = {
  '@libp2p/tls': { connectionEncrypters: [tls()], encryption: '/tls/1.0.0', multiplexer: '/yamux/1.0.0' },
  noise: { connectionEncrypters: [noise()], encryption: '/noise', multiplexer: '/yamux/1.0.0' },
  'tls and mplex': {
    connectionEncrypters: [tls()],
    streamMuxers: [mplex()],
    encryption: '/tls/1.0.0',
    multiplexer: '/mplex/6.7.0',
  },
  'noise and mplex': {
    connectionEncrypters: [noise()],
    streamMuxers: [mplex()],
    encryption: '/noise',
    multiplexer: '/mplex/6.7.0',
  },
}

for (const [name, { encryption, multiplexer, ...options }] of Object.entries(others)) {
  t.test(`js-libp2p with ${name} alone`, async t => {
    const ours = await startNode(t)
    const stock = await startStockNode(t, { streamMuxers: [yamux()], ...options })
    await stock.handle(protocol.id, async stream => {
      for await (const chunk of stream) stream.send(chunk)
      await stream.close()
    })
    await ours.port.handle(protocol, async channel => {
      for (let message = await channel.read(); message; message = await channel.read())
        await channel.write(message)
    })

    const message = Buffer.alloc(protocol.maxMessageBytes, 'x')
    const check = async (direction: 'inbound' | 'outbound') => {
      const [connection] = ours.port.connections(stock.peerId)
      t.match(connection, { encryption, multiplexer, direction })
      const channel = await ours.port.open(stock.peerId, protocol)
      for (let round = 0; round < 20; round++) {
        await channel.write(message)
        t.same(await channel.read(), message)
      }
      await channel.close()
      t.equal(await channel.read(), undefined, 'half-closed, and then closed')
    }

    await t.test('we dial', async () => {
      await ours.port.dial(stock.getMultiaddrs())
      await check('outbound')
      const left = nextEvent(ours.events, 'peer:disconnected')
      const noticed = once(stock, 'peer:disconnect')
      await ours.port.hangUp(stock.peerId)
      await Promise.all([left, noticed])
    })

    await t.test('they dial', async () => {
      const met = nextEvent(ours.events, 'peer:connected')
      await stock.dial(ours.port.addresses())
      await met
      await check('inbound')
    })
  })
}

t.test('whoever answers with another key than the one dialed is refused', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  const other = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const [address] = bob.port.addresses()
  const wrong = multiaddr(address?.toString().replace(/\/p2p\/.*/, `/p2p/${other}`))
  await t.rejects(alice.port.dial(wrong), {
    code: 'DIAL_FAILED',
    message: new RegExp(`Expected peer ${other}`),
  })
  t.same(alice.port.connections(), [])
})

/** A TCP connection on which both sides have agreed on TLS. */
async function agreeOnTls(t: Test, node: TestNode): Promise<Socket> {
  const [address] = node.port.addresses()
  const [, host, port] = /ip4\/([^/]+)\/tcp\/(\d+)/.exec(String(address)) ?? []
  const socket = connectTcp({ host, port: Number(port) })
  t.teardown(() => socket.destroy())
  const words = Buffer.from('\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n')
  socket.write(words)
  for (let left = words.length; left > 0; ) {
    const heard: Buffer | null = socket.read(Math.min(left, socket.readableLength))
    if (heard) left -= heard.length
    else await once(socket, 'readable')
  }
  return socket
}

for (const [chain, count] of [
  ['its own certificate alone', 1],
  ['another certificate behind its own', 2],
] as const) {
  t.test(`a peer that sends ${chain} is ${count === 1 ? 'let in' : 'refused'}`, async t => {
    const node = await startNode(t)
    const keys = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
    const [own, other] = await Promise.all(keys.map(createCertificate))
    const socket = connectTls({
      socket: await agreeOnTls(t, node),
      cert: count === 1 ? own?.cert : `${own?.cert}${other?.cert}`,
      key: own?.key,
      rejectUnauthorized: false,
      ALPNProtocols: ['/yamux/1.0.0'],
    })
    socket.on('error', () => {}).resume()
    const met = nextEvent(node.events, 'peer:connected').then(({ peer }) => peer.toString())
    const refused = once(socket, 'close').then(() => 'refused')
    t.equal(
      await Promise.race([met, refused]),
      count === 1 ? peerIdFromPrivateKey(keys[0]).toString() : 'refused',
    )
    socket.destroy()
  })
}

t.test('two nodes whose clocks are 30 days apart connect, either way', async t => {
  for (const days of [-30, 30]) {
    const child = fork(join(import.meta.dirname, 'skewed-node.ts'), [String(days)], {
      execArgv: ['--import', join(import.meta.dirname, 'skew-clock.ts')],
      env: { ...process.env, SKEW_DAYS: String(days) },
    })
    t.teardown(() => child.kill())
    const [{ address, nowMs }] = await once(child, 'message')
    const apart = Math.round((nowMs - Date.now()) / 86_400_000)
    t.equal(apart, days, `the other node is ${days} days away`)
    const node = await startNode(t)
    await node.port.dial(multiaddr(address))
    t.match(node.port.connections(), [{ encryption: '/tls/1.0.0', direction: 'outbound' }])

    const dialer = await startNode(t)
    const met = nextEvent(dialer.events, 'peer:connected')
    child.send(dialer.port.addresses().map(String))
    await met
    t.match(dialer.port.connections(), [{ encryption: '/tls/1.0.0', direction: 'inbound' }])
  }
})
