import t from 'tap'
import { connect, randomBlocks, startExchange } from './fixture.ts'

const MIB = 1024 * 1024

t.test('one holder gives blocks of all sizes', async t => {
  const holder = await startExchange(t)
  const requester = await startExchange(t)
  const blocks = [0, 1, 4096, 65_536, MIB, 2 * MIB].flatMap(bytes => randomBlocks(1, bytes))
  await holder.hold(blocks)
  await connect(requester, holder)
  await using session = requester.session()
  for (const { cid, bytes } of blocks) t.same(await session.fetch(cid), bytes, `${bytes.byteLength} bytes`)
  const total = blocks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  t.match(requester.details(), { blocksReceived: 6, bytesReceived: total, wantsOutstanding: 0, bytesInFlight: 0 })
  t.match(holder.details(), { blocksSent: 6, bytesSent: total, requesters: 1, queuedWants: 0 })
  t.equal(requester.peers.get(holder.port.self)?.bytesReceived, total)
  t.equal(holder.peers.get(requester.port.self)?.bytesSent, total)
  t.equal(await requester.metric('bytes_total{direction="received"}'), total)
})

t.test('a thousand small blocks go in few messages', async t => {
  const holder = await startExchange(t)
  const requester = await startExchange(t)
  const blocks = randomBlocks(1000, 4096)
  await holder.hold(blocks)
  await connect(requester, holder)
  await using session = requester.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid, { sizeHint: 4096 })))
  t.ok(got.every((bytes, index) => Buffer.compare(bytes, blocks[index]?.bytes ?? bytes.subarray(1)) === 0))
  t.equal(requester.details().blocksReceived, 1000)
})
