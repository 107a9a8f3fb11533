import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import type { ImportEntry } from '../../../core/content/content.ts'
import {
  aborted,
  bytesOf,
  createTestNode,
  entriesFrom,
  exchangeWith,
  pattern,
  streamOf,
  type TestNode,
  unavailable,
} from '../../helpers/content-node.ts'

const FILES_PER_DIRECTORY = 10

/** More than it takes from an answer to what is asked for next. */
const QUIET_TURNS = 50

/** A tree of small files that another node holds. */
async function publish(files: number, fileBytes = 32): Promise<TestNode & { readonly root: CID }> {
  const source = createTestNode()
  const entries = Array.from({ length: files }, (_, at): ImportEntry => {
    const path = `d${Math.floor(at / FILES_PER_DIRECTORY)}/f${at}`
    return { type: 'file', path, bytes: streamOf(pattern(fileBytes, at + 1)) }
  })
  return { ...source, root: (await source.content.add(entriesFrom(entries))).cid }
}

/** Holds every block back until it is let go: all that are asked for at a time make one round trip. */
function roundTrips(source: TestNode) {
  let waiting: (() => void)[] = []
  const exchange = exchangeWith(source.storage, (_, signal) =>
    Promise.race([new Promise<void>(resolve => waiting.push(resolve)), aborted(signal)]),
  )
  return {
    exchange,
    get waiting() {
      return waiting.length
    },
    answer() {
      const answered = waiting
      waiting = []
      for (const resolve of answered) resolve()
    },
  }
}

/** Lets the event loop turn until nothing more is asked for. */
async function settled(fetched: readonly string[]): Promise<void> {
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    const before = fetched.length
    await nextTurn()
    if (fetched.length !== before) quiet = 0
  }
}

async function exportOf({ content }: TestNode, root: CID, signal?: AbortSignal): Promise<string[]> {
  const files: string[] = []
  for await (const entry of content.export(`${root}`, { signal })) {
    if (entry.type === 'file') files.push(`${entry.path} ${(await bytesOf(entry.bytes())).length}`)
  }
  return files
}

t.test('a tree of small files takes a few round trips, across its directories', async t => {
  const source = await publish(400)
  const node = createTestNode()
  const trips = roundTrips(source)
  node.blocks.attachExchange(trips.exchange)
  let isOver = false
  const exporting = exportOf(node, source.root).finally(() => {
    isOver = true
  })
  let count = 0
  while (!isOver) {
    await settled(trips.exchange.fetched)
    if (trips.waiting > 0) count += 1
    trips.answer()
  }
  const files = await exporting
  t.equal(files.length, 400)
  t.ok(count <= 12, `${count} round trips for 441 blocks`)
  t.equal(new Set(trips.exchange.fetched).size, trips.exchange.fetched.length, 'each block once')
  t.equal(trips.exchange.open, 0)
  t.equal(node.memory.usedBytes, 0)
})

t.test('what a reader that stalls has had fetched is bounded', async t => {
  const source = await publish(3000)
  const node = createTestNode()
  const exchange = exchangeWith(source.storage)
  node.blocks.attachExchange(exchange)
  const entries = node.content.export(`${source.root}`)[Symbol.asyncIterator]()
  await entries.next()
  await settled(exchange.fetched)
  const { length } = exchange.fetched
  t.ok(length > 500 && length < 1200, `${length} of 3301 blocks`)
  await entries.return?.(undefined)
  t.equal(exchange.open, 0)
  t.equal(node.memory.usedBytes, 0)
})

t.test('a reader that aborts ends all fetches at once', async t => {
  const source = await publish(400)
  const node = createTestNode()
  const trips = roundTrips(source)
  node.blocks.attachExchange(trips.exchange)
  const stop = new AbortController()
  const exporting = t.rejects(exportOf(node, source.root, stop.signal), /enough/)
  // The root, then its directories.
  for (let trip = 0; trip < 2; trip++) {
    await settled(trips.exchange.fetched)
    trips.answer()
  }
  await settled(trips.exchange.fetched)
  t.ok(trips.waiting > 100, `${trips.waiting} on their way`)
  stop.abort(new Error('enough'))
  await exporting
  t.equal(trips.exchange.open, 0, 'the session is closed though nothing was answered')
  t.equal(node.memory.usedBytes, 0)
})

t.test('a block that nobody has fails the reader that comes to it, and not before', async t => {
  const source = await publish(40)
  const missing = (await source.content.resolve(`${source.root}/d3/f35`)).toString()
  const node = createTestNode()
  const exchange = exchangeWith(source.storage, cid => {
    if (cid.toString() === missing) throw unavailable(cid)
  })
  node.blocks.attachExchange(exchange)
  const seen: string[] = []
  const reading = async (): Promise<void> => {
    for await (const { path } of node.content.export(`${source.root}`)) seen.push(path)
  }
  await t.rejects(reading(), { code: 'CONTENT_UNAVAILABLE' })
  t.ok(seen.includes('d3/f34'), 'all before it was read')
  t.equal(node.memory.usedBytes, 0)
})
