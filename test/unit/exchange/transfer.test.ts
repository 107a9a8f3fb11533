import t from 'tap'
import { deliver, pretender } from '../../chaos/exchange/script.ts'
import { eventually } from '../../helpers/eventually.ts'
import { areContents, connect, randomBlock, randomBlocks, startExchange, startPeer } from './fixture.ts'

const MIB = 1024 * 1024

t.test('one holder gives blocks of all sizes', async t => {
  const holder = await startExchange(t)
  const requester = await startExchange(t)
  const blocks = [0, 1, 4096, 65_536, MIB, 2 * MIB].map(randomBlock)
  await holder.hold(blocks)
  await connect(requester, holder)
  await using session = requester.session()
  for (const { cid, bytes } of blocks) {
    t.equal(Buffer.compare(await session.fetch(cid), bytes), 0, `${bytes.byteLength} bytes`)
  }
  const total = blocks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  t.match(requester.details(), {
    blocksReceived: 6,
    bytesReceived: total,
    wantsOutstanding: 0,
    bytesInFlight: 0,
  })
  await eventually('the last answer to be counted', () => holder.details().blocksSent === 6 || undefined)
  t.match(holder.details(), { bytesSent: total, requesters: 1, queuedWants: 0 })
  t.equal(requester.peers.get(holder.port.self)?.bytesReceived, total)
  t.equal(holder.peers.get(requester.port.self)?.bytesSent, total)
  t.equal(await requester.metric('bytes_total{direction="received"}'), total)
})

t.test('what the block sessions of the node fetch is stored', async t => {
  const holder = await startExchange(t)
  const requester = await startExchange(t)
  const blocks = randomBlocks(20, 100_000)
  await holder.hold(blocks)
  await connect(requester, holder)
  await using session = requester.blocks.session(randomBlock(1).cid)
  const got = await Promise.all(blocks.map(({ cid }) => session.get(cid, { sizeHint: 100_000 })))
  t.ok(areContents(got, blocks))
  t.ok(blocks.every(({ cid }) => requester.storage.blocks.has(cid)))
  await Promise.all(blocks.map(({ cid }) => session.get(cid)))
  t.equal(requester.details().blocksReceived, 20, 'what is held is not asked for')
})

t.test('a thousand small blocks go in few messages', async t => {
  const holder = await startExchange(t)
  const requester = await startExchange(t)
  const blocks = randomBlocks(1000, 4096)
  await holder.hold(blocks)
  await connect(requester, holder)
  await using session = requester.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid, { sizeHint: 4096 })))
  t.ok(areContents(got, blocks))
  t.equal(requester.details().blocksReceived, 1000)
})

t.test('several holders share the work', async t => {
  const requester = await startExchange(t)
  const holders = [await startExchange(t), await startExchange(t), await startExchange(t)]
  const blocks = randomBlocks(60, 256 * 1024)
  for (const holder of holders) {
    await holder.hold(blocks)
    await connect(requester, holder)
  }
  await using session = requester.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid, { sizeHint: 256 * 1024 })))
  t.ok(areContents(got, blocks))
  for (const holder of holders) t.ok((holder.details().blocksSent ?? 0) > 0)
})

t.test('blocks spread over holders are found, each where it is', async t => {
  const requester = await startExchange(t)
  const blocks = randomBlocks(90, 2000)
  for (let part = 0; part < 3; part++) {
    const holder = await startExchange(t)
    await holder.hold(blocks.filter((_, index) => index % 3 === part))
    await connect(requester, holder)
  }
  await using session = requester.session()
  t.ok(areContents(await Promise.all(blocks.map(({ cid }) => session.fetch(cid))), blocks))
})

t.test('a holder that appears in the midst of a transfer joins it', async t => {
  const requester = await startExchange(t, { maxWindowBytes: 4 * MIB, maxBytesInFlight: 4 * MIB })
  const [first, second] = [await startExchange(t), await startExchange(t)]
  const blocks = randomBlocks(150, 512 * 1024)
  await Promise.all([first.hold(blocks), second.hold(blocks)])
  await connect(requester, first)
  await using session = requester.session()
  const fetches = blocks.map(({ cid }) => session.fetch(cid, { sizeHint: 512 * 1024 }))
  await fetches[10]
  await connect(requester, second)
  t.ok(areContents(await Promise.all(fetches), blocks))
  t.ok((second.details().blocksSent ?? 0) > 0)
})

t.test('a block that a holder gains is offered to whoever asked for it', async t => {
  const requester = await startExchange(t)
  const holder = await startExchange(t)
  await connect(requester, holder)
  const [now, later] = [randomBlock(100), randomBlock(5000)]
  await holder.hold([now])
  await using session = requester.session()
  const waiting = session.fetch(later.cid)
  await session.fetch(now.cid)
  t.equal(requester.details().wantsOutstanding, 1)
  await holder.hold([later])
  t.ok(areContents([await waiting], [later]))
})

t.test('a fetch that waits gets its block from a holder that connects later', async t => {
  const requester = await startExchange(t)
  const holder = await startExchange(t)
  const block = randomBlock(5000)
  await holder.hold([block])
  await using session = requester.session()
  const waiting = session.fetch(block.cid)
  await connect(requester, holder)
  t.ok(areContents([await waiting], [block]))
})

t.test('a transfer goes on after its only holder was cut off and came back', async t => {
  const requester = await startExchange(t)
  const holder = await startExchange(t)
  const blocks = randomBlocks(40, 256 * 1024)
  await holder.hold(blocks)
  await connect(requester, holder)
  await using session = requester.session()
  const fetches = blocks.map(({ cid }) => session.fetch(cid, { sizeHint: 256 * 1024 }))
  await fetches[3]
  const left = requester.next('peer:disconnected')
  await requester.port.hangUp(holder.port.self)
  await left
  await connect(requester, holder)
  t.ok(areContents(await Promise.all(fetches), blocks))
})

t.test('two who want the same block share one transfer, and each owns its bytes', async t => {
  const requester = await startExchange(t)
  const holder = await startExchange(t)
  const block = randomBlock(5000)
  await holder.hold([block])
  await connect(requester, holder)
  await using one = requester.session()
  await using other = requester.session()
  const got = await Promise.all([one.fetch(block.cid), other.fetch(block.cid)])
  t.ok(areContents(got, [block, block]))
  t.not(got[0]?.buffer, got[1]?.buffer)
  t.equal(requester.details().blocksReceived, 1)
})

t.test('bytes outstanding stay within the window', async t => {
  const blocks = randomBlocks(200, 256 * 1024)
  const maxWindowBytes = 4 * MIB
  let outstandingBytes = 0
  let mostBytes = 0
  const requester = await startExchange(t, { maxWindowBytes })
  const observer = await startPeer(
    t,
    pretender(blocks, (channel, want, block) => {
      outstandingBytes += block.bytes.byteLength
      mostBytes = Math.max(mostBytes, outstandingBytes)
      // Answered when all that was asked for at once has been seen.
      setImmediate(() => {
        outstandingBytes -= block.bytes.byteLength
        void deliver(channel, want, block)
      })
    }),
  )
  await connect(requester, observer)
  await using session = requester.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid, { sizeHint: 256 * 1024 })))
  t.ok(areContents(got, blocks))
  t.ok(mostBytes <= maxWindowBytes, `${mostBytes} at most`)
  t.ok(mostBytes > MIB, 'and it is made use of')
})
