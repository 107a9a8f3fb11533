import t from 'tap'
import { MAX_MISSED } from '../../../../plugins/exchange/bitswap/ledger.ts'
import { BITSWAP, WantType } from '../../../../plugins/exchange/wire/bitswap-codec.ts'
import { startBitswapScript, wantOf } from '../../../chaos/exchange/bitswap-script.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { connect, randomBlock, randomBlocks, startExchange } from '../fixture.ts'

const KIB = 1024

t.test('wants are answered on a stream of the holder, misses only where that is asked for', async t => {
  const [block, other, lacking, silent] = randomBlocks(4, 1000)
  if (!block || !other || !lacking || !silent) throw new Error('no blocks')
  const holder = await startExchange(t)
  await holder.hold([block, other])
  const peer = await startBitswapScript(t)
  await connect(peer, holder)
  const entries = [
    wantOf(silent, { sendDontHave: false }),
    wantOf(lacking),
    wantOf(other, { type: WantType.HAVE }),
    wantOf(block),
  ]
  await peer.send(holder, { entries })
  const { blocks } = await peer.message(({ blocks }) => blocks.length > 0)
  t.same(
    blocks.map(({ data }) => Buffer.from(data)),
    [Buffer.from(block.bytes)],
  )
  t.match(blocks, [{ version: 1, codec: 0x55, hashCode: 0x12, digestBytes: 32 }])
  await peer.message(({ presences }) => presences.some(({ cid, held }) => held && cid.equals(other.cid)))
  await peer.message(({ presences }) => presences.some(({ cid, held }) => !held && cid.equals(lacking.cid)))
  t.notOk(peer.messages.some(({ presences }) => presences.some(({ cid }) => cid.equals(silent.cid))))
  t.match(holder.details(), { blocksSent: 1, bytesSent: 1000, requesters: 1, bitswap: { servedPeers: 1 } })
  const text = await holder.metrics.text()
  t.match(text, `skep_exchange_protocol_bytes_total{direction="sent",protocol="${BITSWAP.id}"} 1000`)
})

t.test('what is missed is sent, or told of, when it is gained, unless it was cancelled', async t => {
  const [wanted, asked, cancelled, last] = randomBlocks(4, 1000)
  if (!wanted || !asked || !cancelled || !last) throw new Error('no blocks')
  const holder = await startExchange(t)
  const peer = await startBitswapScript(t)
  await connect(peer, holder)
  await peer.send(holder, {
    entries: [wantOf(wanted), wantOf(asked, { type: WantType.HAVE }), wantOf(cancelled)],
  })
  await peer.message(({ presences }) => presences.length === 3)
  await peer.send(holder, { entries: [wantOf(cancelled, { cancel: true }), wantOf(last)] })
  await peer.message(({ presences }) => presences.some(({ cid }) => cid.equals(last.cid)))
  await holder.hold([cancelled, wanted, asked])
  await peer.message(({ blocks }) => blocks.some(({ data }) => Buffer.compare(data, wanted.bytes) === 0))
  await peer.message(({ presences }) => presences.some(({ cid, held }) => held && cid.equals(asked.cid)))
  await holder.hold([last])
  await peer.message(({ blocks }) => blocks.some(({ data }) => Buffer.compare(data, last.bytes) === 0))
  t.match(holder.details(), { blocksSent: 2 })
})

t.test('a full want list voids what was wanted before', async t => {
  const [before, after] = randomBlocks(2, 1000)
  if (!before || !after) throw new Error('no blocks')
  const holder = await startExchange(t)
  const peer = await startBitswapScript(t)
  await connect(peer, holder)
  await peer.send(holder, { entries: [wantOf(before)] })
  await peer.message(({ presences }) => presences.some(({ cid }) => cid.equals(before.cid)))
  await peer.send(holder, { full: true, entries: [wantOf(after)] })
  await peer.message(({ presences }) => presences.some(({ cid }) => cid.equals(after.cid)))
  await holder.hold([before])
  await holder.hold([after])
  await peer.message(({ blocks }) => blocks.some(({ data }) => Buffer.compare(data, after.bytes) === 0))
  t.match(holder.details(), { blocksSent: 1 })
})

t.test('the most urgent of a message goes first', async t => {
  const blocks = randomBlocks(3, 200 * KIB)
  const holder = await startExchange(t)
  await holder.hold(blocks)
  const peer = await startBitswapScript(t)
  await connect(peer, holder)
  await peer.send(holder, { entries: blocks.map((block, index) => wantOf(block, { priority: index })) })
  const [least] = blocks
  await peer.message(({ blocks }) =>
    blocks.some(({ data }) => Buffer.compare(data, least?.bytes ?? data) === 0),
  )
  const order = peer.messages.flatMap(({ blocks: sent }) =>
    sent.map(({ data }) => blocks.findIndex(({ bytes }) => Buffer.compare(data, bytes) === 0)),
  )
  t.same(order, [2, 1, 0])
})

t.test('a flood of wants stays bounded, and others are served meanwhile', async t => {
  const block = randomBlock(1000)
  const holder = await startExchange(t)
  await holder.hold([block])
  const flooder = await startBitswapScript(t)
  const peer = await startBitswapScript(t)
  await connect(flooder, holder)
  await connect(peer, holder)
  const wants = randomBlocks(2 * MAX_MISSED, 10)
  await flooder.send(holder, { entries: wants.map(want => wantOf(want)) })
  await peer.send(holder, { entries: [wantOf(block)] })
  await peer.message(({ blocks }) => blocks.length === 1)
  const told = (): number => flooder.messages.reduce((sum, { presences }) => sum + presences.length, 0)
  await eventually('all answers', () => told() === wants.length || undefined)
  await holder.hold(wants)
  const got = (): number => flooder.messages.reduce((sum, { blocks }) => sum + blocks.length, 0)
  await eventually('the blocks gained', () => got() === MAX_MISSED || undefined)
  t.match(holder.details(), { queuedWants: 0, blocksSent: MAX_MISSED + 1 }, 'the oldest are forgotten')
})

t.test('nonsense is charged', async t => {
  const holder = await startExchange(t)
  const peer = await startBitswapScript(t)
  await connect(peer, holder)
  const evidence = holder.next('peer:evidence')
  const channel = await peer.port.open(holder.port.self, BITSWAP)
  await channel.write(Uint8Array.of(0x0a, 0xff))
  const { peer: charged, kind } = await evidence
  t.match([charged.toString(), kind], [peer.id, 'protocol-violation'])
})

t.test('who leaves gives back what was read for it', async t => {
  const blocks = randomBlocks(40, 1024 * KIB)
  const holder = await startExchange(t)
  await holder.hold(blocks)
  const peer = await startBitswapScript(t, () => new Promise(() => undefined))
  await connect(peer, holder)
  await peer.send(holder, { entries: blocks.map(block => wantOf(block)) })
  await eventually(
    'blocks to be read',
    async () => (await holder.metric('read_ahead_bytes')) > 0 || undefined,
  )
  await peer.network.stop()
  await eventually('room', async () => (await holder.metric('read_ahead_bytes')) === 0 || undefined)
  t.match(holder.details(), { queuedWants: 0, bitswap: { servedPeers: 0 } })
})

t.test('who reads its answers late is waited for on each of its streams', async t => {
  const holder = await startExchange(t)
  const reading = Promise.withResolvers<void>()
  const peer = await startBitswapScript(t, () => reading.promise)
  await connect(peer, holder)
  const lists = Array.from({ length: 8 }, () => randomBlocks(2400, 8))
  await Promise.all(lists.map(blocks => peer.send(holder, { entries: blocks.map(block => wantOf(block)) })))
  const openStreams = (): number | undefined =>
    holder.network.protocols().find(({ id }) => id === BITSWAP.id)?.openStreams
  let before: number | undefined
  await eventually('streams to wait, and no other', () => {
    const open = openStreams() ?? 0
    const isSteady = open > 1 && open === before
    before = open
    return isSteady || undefined
  })
  reading.resolve()
  const answered = (): number => peer.messages.reduce((sum, { presences }) => sum + presences.length, 0)
  await eventually('all streams to end', () => openStreams() === 0 || undefined)
  await eventually('all answers', () => answered() === 19_200 || undefined)
})
