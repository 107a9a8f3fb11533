import t from 'tap'
import type { Storage } from '../../../core/api.ts'
import { openAt } from '../storage/stores.ts'
import { areContents, bandwidth, connect, randomBlocks, startExchange } from './fixture.ts'

const KIB = 1024
const MIB = 1024 * KIB
const MB = 1e6

interface Month {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly level: string
}

/** What a node's status says of its month. */
function monthOf(node: { details(): unknown }): Month {
  return (node.details() as { bandwidth: { month: Month } }).bandwidth.month
}

t.test('blocks, messages and both directions count; the local network does not', async t => {
  const [holder, fetcher] = [await startExchange(t, bandwidth({})), await startExchange(t)]
  const blocks = randomBlocks(4, MIB)
  await holder.hold(blocks)
  await connect(fetcher, holder)
  await using session = fetcher.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid)))
  t.ok(areContents(got, blocks))
  const { sentBytes, receivedBytes } = monthOf(holder)
  t.ok(sentBytes > 4 * MIB && sentBytes < 4 * MIB + 10 * KIB, `${sentBytes} bytes with the answers`)
  t.ok(receivedBytes > 4 * 36 && receivedBytes < 10 * KIB, `${receivedBytes} bytes of questions`)
  t.equal(await holder.metric('month_bytes'), sentBytes + receivedBytes)
  t.equal(await holder.metric('metered_bytes_total{direction="sent"}'), sentBytes)
  t.match(monthOf(fetcher), { sentBytes: 0, receivedBytes: 0 })
})

t.test('a cap lets blocks larger than its window through', async t => {
  const upload = await startExchange(t, bandwidth({ uploadBytesPerSecond: 2 * MB }))
  const download = await startExchange(t, bandwidth({ downloadBytesPerSecond: 2 * MB }))
  const blocks = randomBlocks(3, 2 * MIB)
  await upload.hold(blocks)
  await connect(download, upload)
  await using session = download.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid)))
  t.ok(areContents(got, blocks))
  t.equal(await upload.metric('upload_cap_bytes'), 2 * MB)
  t.equal(await download.metric('download_cap_bytes'), 2 * MB)
})

t.test('no more is asked of all peers together than the cap lets arrive in a second', async t => {
  const cap = 500_000
  const blockBytes = 256 * KIB
  const fetcher = await startExchange(t, bandwidth({ downloadBytesPerSecond: cap }))
  const holders = [await startExchange(t), await startExchange(t), await startExchange(t)]
  const blocks = randomBlocks(12, blockBytes)
  for (const holder of holders) {
    await holder.hold(blocks)
    await connect(fetcher, holder)
  }
  await using session = fetcher.session()
  let most = 0
  const fetches = blocks.map(async ({ cid }) => {
    const bytes = await session.fetch(cid, { sizeHint: blockBytes })
    most = Math.max(most, Number(fetcher.details().bytesInFlight))
    return bytes
  })
  t.ok(areContents(await Promise.all(fetches), blocks))
  t.ok(most > 0 && most <= cap + blockBytes, `${most} bytes in flight`)
  t.equal(await fetcher.metric('duplicate_blocks_total'), 0, 'and nothing is asked twice for being slow')
})

t.test('when the volume is used up, peers are told to ask elsewhere, and health says why', async t => {
  const spent = await startExchange(t, bandwidth({ monthlyBytes: MB }))
  const fetcher = await startExchange(t, { findTimeoutMs: 300 })
  const blocks = randomBlocks(40, 256 * KIB)
  await spent.hold(blocks)
  await connect(fetcher, spent)
  await using session = fetcher.session()
  const results = await Promise.allSettled(blocks.map(({ cid }) => session.fetch(cid)))
  const failures = results.filter(result => result.status === 'rejected')
  t.ok(failures.length > 0 && failures.length < 40, `${failures.length} blocks were not served`)
  for (const { reason } of failures.slice(0, 3)) {
    t.match(reason, { code: 'BLOCK_UNAVAILABLE', message: /is busy/ })
  }
  t.match(monthOf(spent), { level: 'spent' })
  t.match(spent.plugin.health(), {
    status: 'degraded',
    reason: /the month's 1MB are used up: .* are not served until 20/,
  })
  t.equal(spent.logs().filter(({ msg }) => msg === "the month's volume is used up").length, 1)
  t.equal(Number(spent.details().queuedWants), 0)
  t.equal(fetcher.plugin.health().status, 'ok')

  const other = await startExchange(t)
  await other.hold(blocks)
  await connect(fetcher, other)
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid)))
  t.ok(areContents(got, blocks), 'and who asks elsewhere gets them')
})

t.test('a node that may not ask says so', async t => {
  const fetcher = await startExchange(t, {
    ...bandwidth({ monthlyBytes: MB, onSpent: 'stop' }),
    findTimeoutMs: 300,
  })
  const holder = await startExchange(t)
  const [first, ...others] = randomBlocks(3, MIB)
  if (!first) throw new Error('there are no blocks')
  await holder.hold([first, ...others])
  await connect(fetcher, holder)
  await using session = fetcher.session()
  await session.fetch(first.cid)
  for (const { cid } of others) {
    await t.rejects(session.fetch(cid), {
      code: 'BLOCK_UNAVAILABLE',
      message: /the month's volume is used up/,
    })
  }
})

t.test('a node that starts again goes on where it was', async t => {
  const directory = t.testdir()
  const settings = bandwidth({ monthlyBytes: MB })
  const fetcher = await startExchange(t, { findTimeoutMs: 300 })
  const [first, second] = randomBlocks(2, MIB)
  if (!first || !second) throw new Error('there are no blocks')
  const run = async (storage: Storage) => {
    const node = await startExchange(t, settings, storage)
    await connect(fetcher, node)
    return node
  }
  await using session = fetcher.session()
  const storage = await openAt(t, directory)
  const before = await run(storage)
  await before.hold([first, second])
  await session.fetch(first.cid)
  const { sentBytes } = monthOf(before)
  await before.plugin.stop()
  await before.network.stop()
  await storage.close()

  const after = await run(await openAt(t, directory))
  t.match(monthOf(after), { sentBytes, level: 'spent' })
  t.equal(after.plugin.health().status, 'degraded')
  await t.rejects(session.fetch(second.cid), { code: 'BLOCK_UNAVAILABLE' })
})
