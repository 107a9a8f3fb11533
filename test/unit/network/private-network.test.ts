import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { preSharedKey } from '@libp2p/pnet'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { MAX_PROTECTED, SwarmProtector } from '../../../core/network/swarm-protector.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRelay } from '../../helpers/relay.ts'
import { portOf, protocolOf, startNode, startStockNode, type TestNode, text } from './nodes.ts'
import { collect, pattern, rawPair } from './raw-connections.ts'

const MIB = 1024 * 1024
const KEY = Buffer.alloc(32, 7)
const OTHER_KEY = Buffer.alloc(32, 8)
/** As another maker has it. */
const KEY_FILE = Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${KEY.toString('hex')}`)

/** xsalsa20, as @libp2p/pnet has it. */
const xsalsa20 = createRequire(createRequire(import.meta.url).resolve('@libp2p/pnet'))('xsalsa20')

/** How much of the memory that all ciphers share is taken, as far as a number of new ones shows it. */
function cipherMemory(): number {
  const ciphers = Array.from({ length: 2000 }, () => xsalsa20(new Uint8Array(24), new Uint8Array(32)))
  const highest = Math.max(...ciphers.map(cipher => cipher._xor._pointer))
  for (const cipher of ciphers) cipher.finalize()
  return highest
}

/** Of the ciphers at both ends of a connection, which may still be on their way out. */
const LEAVING_BYTES = 4 * 64

const frames = protocolOf({ maxMessageBytes: 2 * MIB })

/** Sends what it gets back. */
async function serveEcho({ port }: TestNode): Promise<void> {
  await port.handle(frames, async channel => {
    for (let bytes = await channel.read(); bytes; bytes = await channel.read()) await channel.write(bytes)
    await channel.close()
  })
}

async function echo(from: TestNode, to: TestNode, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const channel = await from.port.open(to.port.self, frames)
  await channel.write(bytes)
  const heard = await channel.read()
  await channel.close()
  return heard
}

t.test('two nodes with one key speak, and a wire between them shows none of it', async t => {
  const [alice, bob] = [await startNode(t, { swarmKey: KEY }), await startNode(t, { swarmKey: KEY })]
  t.ok(alice.port.isPrivate)
  t.equal(alice.network.status().isPrivate, true)
  await serveEcho(bob)
  const relay = await startRelay(t, { to: portOf(bob) })
  const connection = await alice.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${relay.port}/p2p/${bob.port.self}`))
  t.equal(connection.encryption, '/tls/1.0.0', 'within it all is encrypted as ever')
  const much = pattern(2 * MIB - 64)
  t.ok(Buffer.from((await echo(alice, bob, much)) ?? []).equals(much))
  for (const direction of ['up', 'down'] as const) {
    t.ok(relay.seen(direction).byteLength > much.byteLength)
    const begin = relay.seen(direction).subarray(0, 4096)
    for (const word of ['multistream', '/tls/1.0.0', '/noise', '/yamux']) t.notOk(begin.includes(word), word)
  }
})

t.test('another maker’s node with the key, dialed and dialing', async t => {
  const ours = await startNode(t, { swarmKey: KEY })
  const stock = await startStockNode(t, { connectionProtector: preSharedKey({ psk: KEY_FILE }) })
  const outbound = await ours.port.dial(stock.getMultiaddrs())
  t.equal(outbound.encryption, '/tls/1.0.0')
  await eventually('identify over it', async () => await ours.port.protocolsOf(stock.peerId))
  await outbound.close()
  await eventually('its end', () => stock.getConnections().length === 0 || undefined)

  const inbound = await stock.dial(ours.port.addresses())
  t.equal(inbound.encryption, '/tls/1.0.0')
  await stock.handle('/upper/1.0.0', async stream => {
    for await (const part of stream) stream.send(Buffer.from(text(part.subarray())?.toUpperCase() ?? ''))
  })
  const connection = await eventually(
    'the same at the other side',
    () => ours.port.connections(stock.peerId)[0],
  )
  const stream = await connection.newStream('/upper/1.0.0')
  const heard = collect(stream)
  stream.send(Buffer.from('hello'))
  t.equal(text(await heard.upTo(5)), 'HELLO')
  stream.abort(new Error('enough'))
})

t.test('who has no key, or another, is not connected, dialing or dialed', { timeout: 60_000 }, async t => {
  const inside = await startNode(t, { swarmKey: KEY, dialTimeoutMs: 1500 })
  const open = await startNode(t, { dialTimeoutMs: 1500 })
  const elsewhere = await startNode(t, { swarmKey: OTHER_KEY, dialTimeoutMs: 1500 })
  const stock = await startStockNode(t)
  for (const outside of [open, elsewhere]) {
    await t.rejects(outside.port.dial(inside.port.addresses()), { code: 'DIAL_FAILED' })
    await t.rejects(inside.port.dial(outside.port.addresses()), { code: 'DIAL_FAILED' })
    t.same(outside.port.connections(), [])
  }
  await t.rejects(stock.dial(inside.port.addresses(), { signal: AbortSignal.timeout(1500) }))
  await t.rejects(inside.port.dial(stock.getMultiaddrs()), { code: 'DIAL_FAILED' })
  t.same(inside.port.connections(), [])
})

t.test('there are no lanes, and no doors: what looks like a knock is libp2p’s', async t => {
  const [alice, bob] = [await startNode(t, { swarmKey: KEY }), await startNode(t, { swarmKey: KEY })]
  await alice.port.dial(bob.port.addresses())
  await t.rejects(alice.port.openLane(bob.port.self, frames), {
    code: 'LANE_UNAVAILABLE',
    message: /private/,
  })
  bob.network.doors.add({
    alpn: 'test',
    expects: () => true,
    enter: () => t.fail('nobody comes this way') as never,
  })
  // The first byte of a TLS handshake, where a nonce goes: the answer is a nonce, not the end.
  const socket = connect(portOf(bob), '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(Buffer.alloc(24, 0x16))
  const [answer] = await collectFirst(socket)
  t.equal(answer?.byteLength, 24)
})

function collectFirst(socket: ReturnType<typeof connect>): Promise<[Buffer]> {
  return new Promise((resolve, reject) => {
    socket.once('data', bytes => resolve([bytes]))
    socket.once('close', () => reject(new Error('it hung up')))
  })
}

t.test('big pieces, and connections that come and go, take no more memory', async t => {
  const before = cipherMemory()
  const [alice, bob] = [await startNode(t, { swarmKey: KEY }), await startNode(t, { swarmKey: KEY })]
  for (let round = 0; round < 10; round++) {
    await alice.port.dial(bob.port.addresses())
    await alice.port.hangUp(bob.port.self)
    await eventually('the end at the other side', () => bob.port.connections().length === 0 || undefined)
  }
  t.ok(cipherMemory() <= before + LEAVING_BYTES, 'what ciphers had is given back')

  // Far more in one piece than the ciphers' memory has.
  const { dialed, accepted } = await rawPair(t)
  const protector = new SwarmProtector(KEY)
  const [one, other] = await Promise.all([protector.protect(dialed), protector.protect(accepted)])
  for (const [from, to] of [
    [one, other],
    [other, one],
    [one, other],
  ] as const) {
    const bytes = pattern(3 * MIB)
    const heard = collect(to)
    from.send(bytes)
    t.ok((await heard.upTo(bytes.byteLength)).equals(bytes))
  }
  one.abort(new Error('enough'))
  await eventually('the end at the other side', () => other.status !== 'open' || undefined)
  t.ok(cipherMemory() <= before + LEAVING_BYTES)
})

t.test('so many connections and no more, as long as they last', async t => {
  const protector = new SwarmProtector(KEY)
  const protectPair = async () => {
    const [one, other] = multiaddrConnectionPair()
    return await Promise.all([protector.protect(one), protector.protect(other)])
  }
  const pairs = []
  for (let at = 0; at < MAX_PROTECTED / 2; at++) pairs.push(await protectPair())
  await t.rejects(protectPair(), { code: 'SWARM_FULL' })
  const [[one, other]] = pairs.splice(0, 1) as [Awaited<ReturnType<typeof protectPair>>]
  const heard = collect(other)
  one.send(pattern(MIB))
  t.ok((await heard.upTo(MIB)).equals(pattern(MIB)), 'the last bit of memory is of use, too')
  one.abort(new Error('enough'))
  await eventually('the end at the other side', () => other.status !== 'open' || undefined)
  pairs.push(await protectPair())
  for (const pair of pairs.flat()) pair.abort(new Error('enough'))
})
