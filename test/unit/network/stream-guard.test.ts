import { yamux } from '@chainsafe/libp2p-yamux'
import type { Connection, Libp2p, Stream, StreamHandler } from '@libp2p/interface'
import { mplex } from '@libp2p/mplex'
import { ping } from '@libp2p/ping'
import t, { type Test } from 'tap'
import * as varint from 'uint8-varint'
import { silentLogger } from '../../../core/logger.ts'
import { MAX_PEER_STREAMS, PeerQuota } from '../../../core/network/peer-quota.ts'
import { StreamGuard } from '../../../core/network/stream-guard.ts'
import { eventually } from '../../helpers/eventually.ts'
import { gone, protocolOf, startNode, startStockNode, type TestNode } from './nodes.ts'

const MIB = 1024 * 1024

interface Muxer {
  createStream(): Promise<Stream>
}

/** A stranger that keeps to no limit of its own, connected to `node`. */
async function attacker(
  t: Test,
  node: TestNode,
  muxer: 'yamux' | 'mplex' = 'yamux',
): Promise<{ stock: Libp2p; connection: Connection; muxer: Muxer }> {
  const streamMuxers = [muxer === 'yamux' ? yamux({ maxOutboundStreams: 100_000 }) : mplex()]
  const stock = await startStockNode(t, { streamMuxers })
  const connection = await stock.dial(node.port.addresses())
  return { stock, connection, muxer: (connection as unknown as { muxer: Muxer }).muxer }
}

/** A peer that asks every now and then, and is answered whatever others do. */
async function honest(t: Test, node: TestNode): Promise<() => Promise<void>> {
  const protocol = protocolOf({ id: '/skep/honest/1.0.0' })
  await node.port.handle(protocol, async channel => {
    const message = await channel.read()
    if (message) await channel.write(message)
  })
  const peer = await startNode(t)
  await peer.port.dial(node.port.addresses())
  return async () => {
    const channel = await peer.port.open(node.port.self, protocol, { signal: AbortSignal.timeout(5_000) })
    await channel.write(Buffer.from('there?'))
    const answer = await channel.read({ signal: AbortSignal.timeout(5_000) })
    t.equal(Buffer.from(answer ?? []).toString(), 'there?')
    await channel.close()
  }
}

const frame = (bytes: number): Uint8Array => Buffer.concat([varint.encode(bytes), new Uint8Array(bytes)])

for (const kind of ['yamux', 'mplex'] as const) {
  t.test(`streams that agree on nothing count, over ${kind}`, async t => {
    const node = await startNode(t)
    const ask = await honest(t, node)
    const { stock, muxer } = await attacker(t, node, kind)
    const opened = kind === 'yamux' ? MAX_PEER_STREAMS + 20 : 40
    const streams = await Promise.all(Array.from({ length: opened }, () => muxer.createStream()))
    if (kind === 'yamux') {
      await eventually('the ones beyond to be reset', () => {
        const reset = streams.filter(({ status }) => status === 'reset').length
        return reset >= 20 || undefined
      })
      t.match(node.peers.get(stock.peerId), { evidence: { overload: Number } })
    }
    await eventually('them to count', () => {
      const { openStreams } = node.network.usageOf(stock.peerId)
      return openStreams >= Math.min(opened, MAX_PEER_STREAMS) - 2 || undefined
    })
    t.ok(node.network.status().load.peerStreams <= MAX_PEER_STREAMS + 10)
    await ask()
  })
}

t.test('whoever opens and resets streams as fast as it can is cut off', async t => {
  const node = await startNode(t)
  const ask = await honest(t, node)
  const { stock, connection, muxer } = await attacker(t, node)
  const ended = new Promise(resolve => connection.addEventListener('close', resolve))
  try {
    for (let at = 0; at < 5_000 && connection.status === 'open'; at++) {
      const stream = await muxer.createStream()
      await Promise.resolve()
      stream.abort(new Error('never mind'))
    }
  } catch {
    // The connection is gone.
  }
  await ended
  t.match(node.peers.get(stock.peerId), { evidence: { overload: 1 } })
  t.match(await node.metrics.text(), /skep_network_cut_connections_total\{reason="streams"\} 1/)
  await ask()
})

for (const [what, piece] of [
  ['windows', 64 * 1024],
  ['single bytes', 1],
] as const) {
  t.test(`memory of a connection is bounded: nobody reads ${what}`, { timeout: 60_000 }, async t => {
    const node = await startNode(t, { maxHeldBytes: 8 * MIB })
    const ask = await honest(t, node)
    const protocol = protocolOf({ maxStreamsPerPeer: 100, streamsPerSecond: 1_000 })
    const never = Promise.withResolvers<void>()
    t.teardown(never.resolve)
    await node.port.handle(protocol, () => never.promise)
    const { stock, connection } = await attacker(t, node)
    const ended = new Promise(resolve => connection.addEventListener('close', resolve))
    const streams = await Promise.all(
      Array.from({ length: 64 }, () => connection.newStream(protocol.id, { maxOutboundStreams: 100 })),
    )
    let most = 0
    const watching = setInterval(() => {
      most = Math.max(most, node.network.status().load.heldBytes)
    }, 1)
    t.teardown(() => clearInterval(watching))
    const bytes = new Uint8Array(piece)
    const sending = async (stream: Stream): Promise<void> => {
      for (let sent = 0; sent < MIB && stream.status === 'open'; sent += piece) {
        if (!stream.send(bytes)) await stream.onDrain({ signal: AbortSignal.timeout(50_000) })
        if (piece === 1 && sent % 64 === 0) await new Promise(setImmediate)
      }
    }
    await Promise.allSettled([Promise.race([Promise.all(streams.map(sending)), ended]), ended])
    t.ok(most <= 5 * MIB, `${most} bytes at most`)
    t.match(node.peers.get(stock.peerId), { evidence: { overload: 1 } })
    t.match(await node.metrics.text(), /skep_network_cut_connections_total\{reason="memory"\} 1/)
    await eventually('it to be forgotten', () => node.network.status().load.heldBytes < MIB || undefined)
    await ask()
  })
}

t.test('messages that come too fast wait, those of others do not', async t => {
  const node = await startNode(t)
  const ask = await honest(t, node)
  const protocol = protocolOf()
  let read = 0
  await node.port.handle(protocol, async channel => {
    while (await channel.read()) read++
  })
  const { stock, connection } = await attacker(t, node)
  const stream = await connection.newStream(protocol.id)
  stream.send(Buffer.concat(Array.from({ length: 4_000 }, () => frame(1))))
  await eventually('a burst to be read', () => read >= 2_000 || undefined)
  await ask()
  t.ok(read < 4_000, `${read} were read so far`)
  t.match(node.network.usageOf(stock.peerId), { requests: Number, streams: Number })
  await eventually('the rest', () => read === 4_000 || undefined)
  t.match(await node.metrics.text(), /delayed_requests_total\{protocol="\/skep\/test\/1\.0\.0"\}/)
})

/** A service of libp2p's kind, which registers its protocol itself. */
async function attachService(node: TestNode, id: string, handler: StreamHandler): Promise<void> {
  interface Parts {
    registrar: { handle: typeof node.port.handle; unhandle(id: string): Promise<void> }
  }
  await node.port.attach(id, (components: never) => {
    const { registrar } = components as Parts
    return {
      start: () => registrar.handle(id as never, handler as never),
      stop: () => registrar.unhandle(id),
    }
  })
}

t.test('a service of libp2p is in the table, and its streams are limited there', async t => {
  const node = await startNode(t)
  const handled: Stream[] = []
  await attachService(node, '/test/service/1.0.0', stream => void handled.push(stream))
  const rowOf = (id: string) => node.network.protocols().find(row => row.id === id)
  t.match(rowOf('/test/service/1.0.0'), { owner: 'test', maxStreamsPerPeer: 16, openStreams: 0 })
  t.match(rowOf('/ipfs/id/1.0.0'), { owner: 'libp2p' })
  t.match(rowOf('/ipfs/ping/1.0.0'), { owner: 'libp2p' })
  const { stock, connection } = await attacker(t, node)
  for (let at = 0; at < 16; at++)
    await connection.newStream('/test/service/1.0.0', { maxOutboundStreams: 100 })
  await eventually('16 streams', () => handled.length === 16 || undefined)
  const beyond = await connection.newStream('/test/service/1.0.0', { maxOutboundStreams: 100 })
  await eventually('the one beyond to be reset', () => beyond.status === 'reset' || undefined)
  t.match(rowOf('/test/service/1.0.0'), { openStreams: 16 })
  t.match(node.peers.get(stock.peerId), { evidence: { overload: 1 } })
  await node.port.detach('/test/service/1.0.0')
  t.equal(rowOf('/test/service/1.0.0'), undefined)
})

t.test(
  'questions to a service come no faster than it may be asked, whole and in order',
  { timeout: 60_000 },
  async t => {
    const node = await startNode(t)
    const parts: Uint8Array[] = []
    const ended = Promise.withResolvers<void>()
    let bytes = 0
    await attachService(node, '/test/service/1.0.0', stream => {
      stream.addEventListener('message', ({ data }) => {
        parts.push(data.subarray())
        bytes += data.byteLength
      })
      stream.addEventListener('remoteCloseWrite', () => ended.resolve())
    })
    const { connection } = await attacker(t, node)
    const stream = await connection.newStream('/test/service/1.0.0')
    const sent = Buffer.from(Uint8Array.from({ length: 80 * 1024 }, (_, at) => at % 251))
    const startedMs = performance.now()
    for (let at = 0; at < sent.byteLength; at += 1024) stream.send(sent.subarray(at, at + 1024))
    await stream.close()
    await eventually('a burst', () => bytes >= 60 * 1024 || undefined)
    t.ok(bytes < sent.byteLength, 'not all of it at once')
    await ended.promise
    t.ok(performance.now() - startedMs > 1_500)
    t.ok(Buffer.concat(parts).equals(sent))
  },
)

t.test('a relay gets one message of bounded length, and then what it relays', async t => {
  const node = await startNode(t)
  const id = '/libp2p/circuit/relay/0.2.0/test'
  let bytes = 0
  await attachService(node, id, stream => {
    stream.addEventListener('message', ({ data }) => {
      if (bytes === 0 && data.byteLength < 100) stream.send(frame(1))
      bytes += data.byteLength
    })
  })
  const { stock, connection } = await attacker(t, node)
  const good = await connection.newStream(id)
  good.send(frame(8))
  await new Promise(resolve => good.addEventListener('message', resolve, { once: true }))
  for (let at = 0; at < 4; at++) good.send(new Uint8Array(50 * 1024))
  await eventually('what is relayed', () => bytes > 200 * 1024 || undefined)
  t.same(node.peers.get(stock.peerId)?.evidence, {})

  const bad = await connection.newStream(id)
  bytes = 0
  bad.send(Buffer.concat([varint.encode(MIB), new Uint8Array(50 * 1024)]))
  bad.send(new Uint8Array(50 * 1024))
  await eventually('it to be reset', () => bad.status === 'reset' || undefined)
  t.ok(bytes <= 64 * 1024)
  t.match(node.peers.get(stock.peerId), { evidence: { overload: 1 } })
})

t.test('a flood of pings that reads no answer costs little memory', { timeout: 60_000 }, async t => {
  const node = await startNode(t)
  const ask = await honest(t, node)
  const { stock, connection } = await attacker(t, node)
  const streams = await Promise.all([1, 2].map(() => connection.newStream('/ipfs/ping/1.0.0')))
  const over = Promise.all(streams.map(gone))
  const sending = streams.map(async stream => {
    stream.pause()
    const bytes = new Uint8Array(16 * 1024)
    while (stream.status === 'open') {
      if (!stream.send(bytes)) await stream.onDrain({ signal: AbortSignal.timeout(30_000) })
      await new Promise(setImmediate)
    }
  })
  await over
  await Promise.allSettled(sending)
  t.ok(node.network.usageOf(stock.peerId).requestBytes < 4 * MIB)
  t.match(node.peers.get(stock.peerId), { evidence: { overload: Number } })
  await ask()
})

t.test('an honest ping of a stock node is answered', async t => {
  const node = await startNode(t)
  const stock = await startStockNode(t, { services: { ping: ping() } })
  for (let at = 0; at < 5; at++) {
    t.ok(
      (await (stock.services.ping as { ping(a: unknown): Promise<number> }).ping(node.port.addresses()[0])) >=
        0,
    )
  }
})

t.test('who keeps a busy processor from everything else is charged with it', async t => {
  const [server, client] = await Promise.all([startStockNode(t), startStockNode(t)])
  const reports: string[] = []
  const time = { nowMs: 0, utilization: 1 }
  const quota = new PeerQuota({ maxConnections: 10 }, { clock: () => time.nowMs })
  const nothing = { inc() {} }
  const guard = new StreamGuard(
    { maxHeldBytes: 32 * MIB },
    {
      quota,
      report: (peer, kind, detail) => void reports.push(`${kind} of ${peer}: ${detail}`),
      metrics: { refusedStreams: nothing, cutConnections: nothing } as never,
      log: silentLogger,
      nowMs: () => time.nowMs,
      utilization: () => time.utilization,
    },
  )
  server.addEventListener('connection:open', ({ detail }) => guard.opened(detail))
  let received = 0
  await server.handle('/flood', stream => {
    stream.addEventListener('message', ({ data }) => {
      received += data.byteLength
    })
  })
  const connection = await client.dial(server.getMultiaddrs())
  const stream = await connection.newStream('/flood')
  for (let at = 0; at < 2_000; at++) stream.send(Uint8Array.of(at))
  await eventually('a flood of frames', () => received === 2_000 || undefined)
  const { busyMs } = quota.usageOf(client.peerId.toString())
  t.ok(busyMs > 0)
  time.nowMs += busyMs * 2
  guard.review()
  t.strictSame(reports, [`overload of ${client.peerId}: it took 50 % of a busy processor`])
  time.nowMs += 5_000
  guard.review()
  t.equal(reports.length, 1, 'nothing since')
})
