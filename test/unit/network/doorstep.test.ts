import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { portOf, startNode, type TestNode } from './nodes.ts'

/** As on a Pi Zero: eight handshakes at a time. */
const SMALL = { maxConnections: 32, maxInboundPerSecond: 1_000 }

/** A connection from `localAddress` that says nothing, or only what `says` is. */
async function halfOpen(t: Test, node: TestNode, localAddress: string, says?: string): Promise<Socket> {
  const socket = connect({ port: portOf(node), host: '127.0.0.1', localAddress })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (says) socket.write(says)
  return socket
}

const refusedOf = ({ network }: TestNode): number => network.status().refused.handshakes ?? 0

for (const [what, says] of [
  ['say nothing', undefined],
  ['stop at the first word', '\x13/multistream/1.0.0\n'],
  ['stop within TLS', '\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n\x16\x03\x01'],
  ['stop within Noise', '\x13/multistream/1.0.0\n\x07/noise\n\x00\x20'],
] as const) {
  t.test(`handshakes of one host that ${what} keep nobody else out`, async t => {
    const [node, honest] = await Promise.all([startNode(t, SMALL), startNode(t)])
    const sockets = await Promise.all(Array.from({ length: 16 }, () => halfOpen(t, node, '127.0.0.2', says)))
    await eventually('all places to be taken', () => refusedOf(node) >= 8 || undefined)
    const startedMs = performance.now()
    await honest.port.dial(node.port.addresses())
    t.ok(performance.now() - startedMs < 5_000, 'long before their time is over')
    t.equal(sockets.filter(socket => socket.closed || socket.destroyed).length >= 8, true)
    t.equal(refusedOf(node), 9, 'eight beyond the places, and one for who came')
  })
}

t.test('handshakes end in time though bytes keep coming', { timeout: 30_000 }, async t => {
  const node = await startNode(t, SMALL)
  const startedMs = performance.now()
  const socket = await halfOpen(t, node, '127.0.0.2', '\x13/multi')
  const drip = setInterval(() => socket.write('s'), 1_000)
  t.teardown(() => clearInterval(drip))
  await new Promise(resolve => socket.once('close', resolve))
  t.ok(performance.now() - startedMs < 12_000)
})

t.test(
  'a flood of sockets from one host leaves room for others, and no memory',
  { timeout: 60_000 },
  async t => {
    const [node, honest] = await Promise.all([
      startNode(t, { maxConnections: 32, maxInboundPerSecond: 5 }),
      startNode(t),
    ])
    let floods = 0
    const flooding = new AbortController()
    const flood = async (): Promise<void> => {
      const open: Socket[] = []
      while (!flooding.signal.aborted) {
        const socket = connect({ port: portOf(node), host: '127.0.0.1', localAddress: '127.0.0.2' })
        socket.on('error', () => {})
        await new Promise(resolve => socket.once('connect', resolve).once('close', resolve))
        floods++
        open.push(socket)
        if (open.length > 64) open.shift()?.destroy()
      }
      for (const socket of open) socket.destroy()
    }
    const flooders = Array.from({ length: 4 }, flood)
    await eventually('a flood', () => floods > 2_000 || undefined)
    const before = process.memoryUsage()
    await honest.port.dial(node.port.addresses())
    await eventually('more of it', () => floods > 4_000 || undefined)
    t.ok(await honest.port.ping(node.port.self))
    const after = process.memoryUsage()
    t.ok(after.external - before.external < 8 * 1024 * 1024, 'no buffers pile up')
    flooding.abort()
    await Promise.all(flooders)
    t.ok((node.network.status().refused.rate ?? 0) > 3_000, 'cut before anything was agreed on')
  },
)
