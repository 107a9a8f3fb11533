import t from 'tap'
import { encodeRequest, Mode, Status } from '../../../plugins/exchange/wire/codec.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode } from '../network/nodes.ts'
import { readAnswers } from './answers.ts'
import {
  bandwidth,
  connect,
  type ExchangeNode,
  open,
  randomBlock,
  randomBlocks,
  startExchange,
  type TestBlock,
} from './fixture.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** As a pin does: first the root, then all beneath it in any order. */
async function ensureAll(node: ExchangeNode, root: TestBlock, blocks: readonly TestBlock[]): Promise<void> {
  await using session = node.blocks.session(root.cid)
  await session.get(root.cid)
  await Promise.all(blocks.map(({ cid, bytes }) => session.ensure(cid, { sizeHint: bytes.byteLength })))
}

t.test('nodes that fetch the same share it, and the publisher sends little more than once', async t => {
  const publisher = await startExchange(t, bandwidth({ uploadBytesPerSecond: 4 * MIB }))
  const others = await Promise.all(Array.from({ length: 4 }, () => startExchange(t)))
  for (const [index, node] of others.entries()) {
    for (const other of [publisher, ...others.slice(0, index)]) await connect(node, other)
  }
  const [root, blocks] = [randomBlock(1000), randomBlocks(64, 128 * KIB)]
  await publisher.hold([root, ...blocks])
  await Promise.all(others.map(node => ensureAll(node, root, blocks)))
  for (const node of others) {
    t.ok(blocks.every(({ cid }) => node.storage.blocks.has(cid)))
    t.match(node.details(), { wantsOutstanding: 0, bytesInFlight: 0 })
  }
  const { blocksSent = 0 } = publisher.details()
  t.ok(blocksSent <= 1.5 * blocks.length, `${blocksSent} of ${blocks.length} blocks`)
})

t.test('who reads a block that is fetched in any order gets it before the others', async t => {
  const publisher = await startExchange(t, bandwidth({ uploadBytesPerSecond: 4 * MIB }))
  const [node, other] = [await startExchange(t), await startExchange(t)]
  for (const from of [node, other]) await connect(from, publisher)
  await connect(node, other)
  const [root, blocks] = [randomBlock(1000), randomBlocks(64, 128 * KIB)]
  await publisher.hold([root, ...blocks])
  await using session = node.blocks.session(root.cid)
  await session.get(root.cid)
  const all = blocks.map(({ cid }) => session.ensure(cid, { sizeHint: 128 * KIB }))
  await Promise.race(all)
  const [last] = blocks.slice(-1)
  await session.get(last?.cid ?? root.cid)
  t.ok((node.details().blocksReceived ?? 0) < blocks.length / 2)
  await Promise.all(all)
})

t.test('a cancel frees everything at once: memory, disk, what is asked and what is queued', async t => {
  const publisher = await startExchange(t, bandwidth({ uploadBytesPerSecond: MIB }))
  const node = await startExchange(t)
  await connect(node, publisher)
  const [root, blocks] = [randomBlock(1000), randomBlocks(64, MIB)]
  await publisher.hold([root, ...blocks])
  const heldBytes = node.memory.usedBytes
  const session = node.blocks.session(root.cid)
  await session.get(root.cid)
  const all = blocks.map(({ cid }) => session.ensure(cid, { sizeHint: MIB }))
  const ends = Promise.allSettled(all)
  await eventually('blocks to be asked for', () => node.details().bytesInFlight || undefined)
  t.ok(node.memory.usedBytes - heldBytes <= 4 * MIB, 'memory only for those asked for')
  await session[Symbol.asyncDispose]()
  t.equal((await ends).filter(({ status }) => status === 'fulfilled').length, 0)
  t.match(node.details(), { wantsOutstanding: 0, bytesInFlight: 0 })
  t.equal(node.memory.usedBytes, heldBytes)
  t.equal(node.storage.blocks.stats().reservedBytes, 0)
  await eventually('the publisher to let go', () => publisher.details().queuedWants === 0 || undefined)
})

t.test('a patient want is put off while others wait for what nobody was sent', async t => {
  const holder = await startExchange(t, bandwidth({ uploadBytesPerSecond: 3 * MIB }))
  const [first, second] = [await startNode(t), await startNode(t)]
  const blocks = randomBlocks(4, MIB)
  const [shared, other] = blocks
  if (!shared || !other) throw new Error('there are no blocks')
  await holder.hold(blocks)
  for (const node of [first, second]) await connect(node, holder)
  const [one, two] = [await open(first, holder), await open(second, holder)]
  const want = (id: number, { cid }: TestBlock, patient: boolean) => ({
    id,
    cid,
    mode: Mode.BLOCK,
    sizeHint: 0,
    patient,
  })
  await one.write(encodeRequest({ wants: blocks.map((block, id) => want(id, block, true)), cancels: [] }))
  await eventually('the first to be served', () => holder.details().queuedWants || undefined)
  await two.write(encodeRequest({ wants: [want(1, shared, true), want(2, shared, false)], cancels: [] }))
  const answers = await readAnswers(two, 2)
  t.equal(answers.get(1)?.status, Status.BUSY)
  t.equal(answers.get(2)?.status, Status.OK, 'but not one that is not')
  await readAnswers(one, blocks.length)
  await eventually('nobody to wait', async () => (await holder.metric('read_ahead_bytes')) === 0 || undefined)
  await two.write(encodeRequest({ wants: [want(3, other, true)], cancels: [] }))
  t.equal((await readAnswers(two, 1)).get(3)?.status, Status.OK, 'and not while nobody waits')
})
