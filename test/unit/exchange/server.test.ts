import { once } from 'node:events'
import { open as openFile } from 'node:fs/promises'
import { CID } from 'multiformats/cid'
import t from 'tap'
import type { Channel } from '../../../core/api.ts'
import { SLOT_HEADER_BYTES } from '../../../core/storage/size-classes.ts'
import { decodeReply, encodeRequest, MAX_WANTS, Mode, Status } from '../../../plugins/exchange/wire/codec.ts'
import { glutton } from '../../chaos/exchange/glutton.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode } from '../network/nodes.ts'
import { openAt, segmentFiles } from '../storage/stores.ts'
import { readAnswers, readReply } from './answers.ts'
import { connect, gone, open, randomBlock, randomBlocks, startExchange, type TestBlock } from './fixture.ts'

const MIB = 1024 * 1024

interface Question {
  readonly id: number
  readonly block: TestBlock
  readonly mode?: Mode
}

function ask(
  channel: Channel,
  questions: readonly Question[],
  cancels: readonly number[] = [],
): Promise<void> {
  const wants = questions.map(({ id, block, mode = Mode.BLOCK }) => ({
    id,
    cid: block.cid,
    mode,
    sizeHint: 0,
  }))
  return channel.write(encodeRequest({ wants, cancels }))
}

t.test('answers blocks, lengths and misses by id', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  const [held, other] = [randomBlock(70_000), randomBlock(10)]
  await holder.hold([held])
  await connect(node, holder)
  const channel = await open(node, holder)
  await ask(channel, [
    { id: 7, block: held },
    { id: 8, block: held, mode: Mode.HAVE },
    { id: 9, block: other },
    { id: 0xffff_ffff, block: other, mode: Mode.HAVE },
  ])
  const answers = await readAnswers(channel, 4, [8])
  t.match(answers.get(7), { status: Status.OK, length: 70_000 })
  t.equal(Buffer.compare(answers.get(7)?.payload ?? new Uint8Array(), held.bytes), 0)
  t.match(answers.get(8), { status: Status.OK, length: 70_000 })
  t.match(answers.get(9), { status: Status.MISSING, length: 0 })
  t.match(answers.get(0xffff_ffff), { status: Status.MISSING, length: 0 })
})

t.test('answers to small blocks go out together', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  const blocks = randomBlocks(256, 1000)
  await holder.hold(blocks)
  await connect(node, holder)
  const channel = await open(node, holder)
  await ask(
    channel,
    blocks.map((block, index) => ({ id: index, block })),
  )
  let messages = 0
  for (let answered = 0; answered < blocks.length; messages++) {
    const { answers } = await readReply(channel)
    for (const { length } of answers) await channel.readPayload(length)
    answered += answers.length
  }
  t.ok(messages <= 16, `${messages} messages`)
})

t.test('a cancelled want is answered once, without its block', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  const blocks = randomBlocks(40, MIB)
  await holder.hold(blocks)
  await connect(node, holder)
  const channel = await open(node, holder)
  await ask(
    channel,
    blocks.map((block, index) => ({ id: index, block })),
  )
  await ask(channel, [], [39, 38, 37, 1234])
  const answers = await readAnswers(channel, 40)
  for (const id of [37, 38, 39]) t.match(answers.get(id), { status: Status.CANCELLED, length: 0 })
  t.equal([...answers.values()].filter(({ status }) => status === Status.OK).length, 37)
  await ask(channel, [{ id: 39, block: blocks[39] as TestBlock }])
  t.equal((await readAnswers(channel, 1)).get(39)?.status, Status.OK, 'and its id is free again')
  await eventually(
    'all to be given back',
    async () => (await holder.metric('read_ahead_bytes')) === 0 || undefined,
  )
})

t.test('a block that came to be held is offered once, to whom asked', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  const [wanted, unasked] = [randomBlock(500), randomBlock(500)]
  await connect(node, holder)
  const channel = await open(node, holder)
  await ask(channel, [{ id: 1, block: wanted, mode: Mode.HAVE }])
  await readAnswers(channel, 1)
  await holder.hold([unasked, wanted])
  const { answers, haveUpdates } = await readReply(channel)
  t.same([answers, haveUpdates.map(String)], [[], [wanted.cid.toString()]])
})

t.test('more wants than a stream may have are answered BUSY', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  const block = randomBlock(10_000)
  await holder.hold([block])
  await connect(node, holder)
  const channel = await open(node, holder)
  const count = 2 * MAX_WANTS
  const asking = glutton(
    channel,
    Array.from({ length: count }, () => block),
  )
  const busy = new Set<number>()
  while (busy.size < 100) {
    for (const { id, status, length } of (await readReply(channel)).answers) {
      if (status === Status.BUSY) busy.add(id)
      for (let rest = length; rest > 0; rest -= MIB) await channel.readPayload(Math.min(rest, MIB))
    }
  }
  await asking
  t.ok(Math.min(...busy) > MAX_WANTS, 'those that came last')
  channel.abort(new Error('enough'))
})

t.test('more bytes than a peer may have waiting are answered BUSY, and others are still taken', async t => {
  const holder = await startExchange(t)
  const [greedy, modest] = [await startNode(t), await startNode(t)]
  const block = randomBlock(MIB)
  await holder.hold([block])
  for (const node of [greedy, modest]) await connect(node, holder)
  const channel = await open(greedy, holder)
  await glutton(
    channel,
    Array.from({ length: 256 }, () => block),
  )
  await eventually('the queue to be full', () => (holder.details().queuedWants ?? 0) > 64 || undefined)
  const other = await open(modest, holder)
  await ask(other, [{ id: 1, block }])
  t.equal((await readAnswers(other, 1)).get(1)?.status, Status.OK)
  let busy = 0
  for (let answered = 0; answered < 256; ) {
    for (const { status, length } of (await readReply(channel)).answers) {
      answered++
      if (status === Status.BUSY) busy++
      else await channel.readPayload(length)
    }
  }
  t.equal(busy, 128)
})

t.test('a reader that is slow keeps nobody waiting, and holds no more than its share', async t => {
  const maxReadAheadBytes = 8 * MIB
  const holder = await startExchange(t, { maxReadAheadBytes })
  const slow = await startNode(t)
  const quick = await startExchange(t)
  const [hoard, blocks] = [randomBlocks(64, MIB), randomBlocks(64, MIB)]
  await holder.hold([...hoard, ...blocks])
  await connect(slow, holder)
  await connect(quick, holder)
  await glutton(await open(slow, holder), hoard)
  await eventually(
    'the slow reader to hold its share',
    async () => (await holder.metric('read_ahead_bytes')) === maxReadAheadBytes / 2 || undefined,
  )
  await using session = quick.session()
  for (const { cid } of blocks) await session.fetch(cid, { sizeHint: MIB })
  t.equal(quick.details().blocksReceived, 64)
  t.ok((await holder.metric('queued_wants')) > 0, 'while the other still waits')
  t.equal(await holder.metric('read_ahead_bytes'), maxReadAheadBytes / 2)
  const left = holder.next('peer:disconnected')
  await slow.network.stop()
  await left
  await eventually(
    'all to be given back',
    async () => (await holder.metric('read_ahead_bytes')) === 0 || undefined,
  )
  t.match(holder.details(), { queuedWants: 0 })
})

t.test('a block that is gone when its turn comes is answered missing', async t => {
  const holder = await startExchange(t, { maxReadAheadBytes: 4 * MIB })
  const node = await startNode(t)
  const blocks = randomBlocks(20, MIB)
  const last = blocks[19] as TestBlock
  await holder.hold(blocks)
  await connect(node, holder)
  const channel = await open(node, holder)
  await ask(
    channel,
    blocks.map((block, index) => ({ id: index, block })),
  )
  await eventually('the wants to wait for their turns', () => holder.details().queuedWants || undefined)
  await holder.storage.blocks.delete([last.cid.multihash.bytes])
  const answers = await readAnswers(channel, 20)
  t.match(answers.get(19), { status: Status.MISSING, length: 0 })
  t.equal(answers.get(18)?.status, Status.OK)
})

t.test('a block that is damaged on disk is answered missing, and offered once it is whole again', async t => {
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  const holder = await startExchange(t, {}, storage)
  const node = await startNode(t)
  const block = randomBlock(100_000)
  await holder.hold([block])
  const [segment] = segmentFiles(directory)
  if (!segment) throw new Error('there is no segment')
  const file = await openFile(segment, 'r+')
  await file.write(Buffer.alloc(16), 0, 16, SLOT_HEADER_BYTES + 5000)
  await file.close()
  await connect(node, holder)
  const channel = await open(node, holder)
  await ask(channel, [{ id: 1, block }])
  t.equal((await readAnswers(channel, 1)).get(1)?.status, Status.MISSING)
  t.match(
    holder.logs().find(({ level }) => level === 40),
    { cid: block.cid.toString() },
  )
  await holder.hold([block])
  t.same((await readReply(channel)).haveUpdates.map(String), [block.cid.toString()])
})

const bad: Record<string, Uint8Array> = {
  'an empty message': new Uint8Array(),
  'bytes that are no protobuf': Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
  'a CID that is none': Uint8Array.of(0x0a, 0x06, 0x08, 0x01, 0x12, 0x02, 0x09, 0x09),
  'a reserved mode': Buffer.concat([
    Uint8Array.of(0x0a, 0x2a, 0x08, 0x01, 0x12, 0x24),
    CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy').bytes,
    Uint8Array.of(0x18, 0x02),
  ]),
  'more cancels than a message may have': encodeRequest({ wants: [], cancels: Array(513).fill(1) }),
}

for (const [what, message] of Object.entries(bad)) {
  t.test(`${what} ends the stream and is charged`, async t => {
    const holder = await startExchange(t)
    const node = await startNode(t)
    await connect(node, holder)
    const channel = await open(node, holder)
    const evidence = holder.next('peer:evidence')
    await channel.write(message)
    t.match(await evidence, { kind: 'protocol-violation' })
    await gone(channel)
    t.equal(holder.plugin.health().status, 'ok')
  })
}

t.test('an id that is asked again before its answer is charged', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  const block = randomBlock(MIB)
  await holder.hold([block])
  await connect(node, holder)
  const channel = await open(node, holder)
  const evidence = holder.next('peer:evidence')
  await ask(channel, [
    { id: 5, block },
    { id: 5, block },
  ])
  t.match(await evidence, { kind: 'protocol-violation', detail: /want 5/ })
  await gone(channel)
})

t.test('a stream that ends well is closed', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  await connect(node, holder)
  const channel = await open(node, holder)
  await ask(channel, [{ id: 1, block: randomBlock(1) }])
  await readAnswers(channel, 1)
  const closed = once(channel.signal, 'abort')
  await channel.close()
  t.equal(await channel.read(), undefined)
  await closed
  await eventually('the server to let go', () => holder.details().requesters === 0 || undefined)
})

t.test(
  'who closes its side before it has read all gets no more, and everything is given back once',
  async t => {
    const holder = await startExchange(t)
    const node = await startNode(t)
    const blocks = randomBlocks(8, MIB)
    await holder.hold(blocks)
    await connect(node, holder)
    const channel = await open(node, holder)
    await ask(
      channel,
      blocks.map((block, id) => ({ id, block })),
    )
    await eventually(
      'blocks to wait unread',
      async () => (await holder.metric('read_ahead_bytes')) >= 3 * MIB || undefined,
    )
    const ended = once(channel.signal, 'abort')
    await channel.close()
    await eventually('the server to let go', () => holder.details().requesters === 0 || undefined)
    for (let message = await channel.read(); message; message = await channel.read()) {
      for (const { length } of decodeReply(message).answers) await channel.readPayload(length)
    }
    await ended
    t.equal(await holder.metric('read_ahead_bytes'), 0)
    t.ok((holder.details().blocksSent ?? 8) < blocks.length)
  },
)
