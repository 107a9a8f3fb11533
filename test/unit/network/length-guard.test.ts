import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import t from 'tap'
import { answers, LengthGuard, questions } from '../../../core/network/length-guard.ts'
import { framed, lengthOf, line } from '../../helpers/raw/bytes.ts'
import { connectRaw, knockForNoise } from '../../helpers/raw/raw-peer.ts'
import { knock } from '../../helpers/raw/wire.ts'
import { portOf, startNode, startStockNode } from './nodes.ts'

const GREETING = line('/multistream/1.0.0')
/** Of libp2p. */
const IDENTIFY_TIMEOUT_MS = 5000
const DIAL_TIMEOUT_MS = 6000
const ENDLESS = Buffer.alloc(1024 * 1024, 0x80)
const asks = (): LengthGuard => new LengthGuard(questions(() => ['/noise', '/ipfs/id/1.0.0', '/circuit']))

/** In pieces of any size it says the same. */
function said(guard: LengthGuard, bytes: Uint8Array, pieceBytes: number): string {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    if (!guard.push(bytes.subarray(at, at + pieceBytes))) return 'cut'
  return guard.isOver ? 'over' : 'on'
}

t.test('a negotiation, what may follow it, and lengths that nobody may read', async t => {
  const cases: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['on', [GREETING]],
    ['on', [GREETING, line('/other'), line('ls')]],
    ['over', [GREETING, line('/noise')]],
    ['over', [GREETING, line('/noise'), ENDLESS]],
    ['on', [GREETING, line('/ipfs/id/1.0.0'), framed(new Uint8Array(3000)), framed(new Uint8Array())]],
    ['cut', [GREETING, line('/ipfs/id/1.0.0'), framed(new Uint8Array(3)), ENDLESS]],
    ['cut', [ENDLESS]],
    ['cut', [GREETING, ENDLESS]],
    ['cut', [lengthOf(1025n)]],
    ['on', [lengthOf(1024n)]],
    ['cut', [lengthOf(2n ** 63n)]],
    ['on', Array.from({ length: 63 }, () => line('/other'))],
    ['cut', Array.from({ length: 64 }, () => line('/other'))],
  ]
  for (const [outcome, pieces] of cases) {
    const bytes = Buffer.concat(pieces)
    const name = `${outcome}: ${bytes.subarray(0, 60).toString('latin1').replace(/\W+/g, ' ')}`
    for (const size of [1, 2, 7, bytes.byteLength]) t.equal(said(asks(), bytes, size), outcome, name)
  }
})

t.test('answers name what was asked for', async t => {
  const answer = Buffer.concat([GREETING, line('na'), line('/ipfs/id/1.0.0')])
  const guard = (): LengthGuard => new LengthGuard(answers(() => ['/ipfs/id/1.0.0', '/any']))
  t.equal(said(guard(), answer, 5), 'on')
  t.equal(said(guard(), Buffer.concat([answer, ENDLESS]), 5), 'cut')
  t.equal(said(guard(), Buffer.concat([GREETING, line('/any'), ENDLESS]), 5), 'over')
  t.equal(said(guard(), Buffer.concat([GREETING, line('/an'), ENDLESS]), 5), 'cut', 'libp2p asks on')
})

t.test('a relay is asked once, and passes on whatever follows', async t => {
  const hop = '/libp2p/circuit/relay/0.2.0/hop'
  const bytes = Buffer.concat([line(hop), framed(new Uint8Array(9)), ENDLESS])
  t.equal(said(new LengthGuard(questions(() => [hop])), bytes, 1000), 'over')
})

t.test('however it is cut into pieces, it is judged the same', async t => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom('/multistream/1.0.0', '/noise', '/ipfs/id/1.0.0', 'na', '').map(line),
    fc.uint8Array({ maxLength: 2000 }).map(framed),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.integer({ min: 1, max: 3000 }), (pieces, size) => {
      const bytes = Buffer.concat(pieces)
      t.equal(said(asks(), bytes, size), said(asks(), bytes, 1))
    }),
  )
})

t.test('a length without an end is refused wherever libp2p reads one, and the node goes on', async t => {
  const node = await startNode(t)
  const place = { host: '127.0.0.1', port: portOf(node) }
  const before = await knock(place)
  before.send(ENDLESS)
  await before.gone
  const late = await knock(place)
  late.send(GREETING, ENDLESS)
  await late.gone
  const noise = await knockForNoise(place)
  noise.destroy()
  const muxer = await connectRaw(place)
  for (const ask of [[], [GREETING], [GREETING, line('/ipfs/ping/1.0.0').fill(0x80)]]) {
    const stream = muxer.open()
    stream.send(Buffer.concat([...ask, ENDLESS.subarray(0, 100_000)]))
    t.equal(await stream.gone, 'reset')
  }
  t.ok(await muxer.open().speak('/ipfs/id/1.0.0'), 'on the same connection')
  muxer.wire.destroy()
  const stock = await startStockNode(t)
  await stock.dial(node.port.addresses())
  t.ok(stock.getPeers().length, 'others connect as before')
})

t.test('who is dialed and answers nonsense to the first question is read on with care', async t => {
  const node = await startNode(t)
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.write(Buffer.concat([GREETING, line('nonsense')]))
    // What follows answers the second question: by then the first was found to be no answer.
    socket.on('data', bytes => {
      if (bytes.includes('/noise')) socket.write(ENDLESS)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { peerId } = await startStockNode(t)
  const asked = multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`)
  const fromMs = performance.now()
  await t.rejects(node.port.dial(asked), { code: 'DIAL_FAILED' })
  t.ok(performance.now() - fromMs < DIAL_TIMEOUT_MS, 'it is cut off, and not given up')
})

t.test('who it asks may send one as well', async t => {
  const [node, stock] = await Promise.all([startNode(t), startStockNode(t, { services: {} })])
  const ended = new Promise<number>(resolve => {
    void stock.handle('/ipfs/id/1.0.0', async stream => {
      const fromMs = performance.now()
      stream.addEventListener('close', () => resolve(performance.now() - fromMs))
      stream.send(ENDLESS.subarray(0, 100_000))
    })
  })
  await node.port.dial(stock.getMultiaddrs())
  t.ok((await ended) < IDENTIFY_TIMEOUT_MS, 'it is cut off, and not given up')
})
