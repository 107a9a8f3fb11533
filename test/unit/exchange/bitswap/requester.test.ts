import t from 'tap'
import { BITSWAP, WantType } from '../../../../plugins/exchange/wire/bitswap-codec.ts'
import { holderOf, startBitswapScript } from '../../../chaos/exchange/bitswap-script.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { startNode } from '../../network/nodes.ts'
import { areContents, connect, randomBlock, randomBlocks, startExchange } from '../fixture.ts'

const KIB = 1024
const MIB = 1024 * KIB

t.test('blocks come from a peer that speaks Bitswap alone, on streams that it opens', async t => {
  const blocks = [...randomBlocks(40, 100 * KIB), ...randomBlocks(3, 2 * MIB)]
  const requester = await startExchange(t)
  const holder = await startBitswapScript(t, holderOf(blocks))
  await connect(requester, holder)
  await using session = requester.session()
  t.ok(areContents(await Promise.all(blocks.map(({ cid }) => session.fetch(cid))), blocks))
  t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0, invalidBlocks: 0, unaskedBlocks: 0 })
  t.match(requester.details(), { bitswap: { askedPeers: 1, servedPeers: 0 } })
  const [first] = holder.messages
  t.equal(first?.full, true, 'the first list voids older ones')
  t.ok(first?.entries.every(({ type, sendDontHave }) => type === WantType.HAVE && sendDontHave))
})

t.test('a peer of both protocols is asked by ours', async t => {
  const block = randomBlock(1000)
  const [requester, holder] = [await startExchange(t), await startExchange(t)]
  await holder.hold([block])
  await connect(requester, holder)
  await using session = requester.session()
  t.same(await session.fetch(block.cid), block.bytes)
  t.match(requester.details(), { bitswap: { askedPeers: 0 } })
  t.match(holder.details(), { bitswap: { servedPeers: 0 } })
})

t.test('without Bitswap, such peers are not asked', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t, { bitswap: { enabled: false }, findTimeoutMs: 300 })
  const holder = await startBitswapScript(t, holderOf([block]))
  await connect(requester, holder)
  await using session = requester.session()
  await t.rejects(session.fetch(block.cid), {
    code: 'BLOCK_UNAVAILABLE',
    message: new RegExp(`${holder.id}: does not speak /skep/blocks/1.0.0$`),
  })
  t.equal(holder.messages.length, 0)
})

t.test('a block that was altered is refused, its sender distrusted, and others deliver', async t => {
  const [block, ...others] = randomBlocks(10, 100 * KIB)
  if (!block) throw new Error('no block')
  const requester = await startExchange(t)
  const liar = await startBitswapScript(
    t,
    holderOf([block, ...others], ({ bytes }) => {
      const lie = bytes.slice()
      lie[0] = (lie[0] ?? 0) ^ 1
      return lie
    }),
  )
  await connect(requester, liar)
  const evidence = requester.next('peer:evidence')
  await using session = requester.session()
  const first = session.fetch(block.cid)
  const { peer, kind } = await evidence
  t.match([peer.toString(), kind], [liar.id, 'invalid-block'])
  t.notOk(requester.storage.blocks.stats().blocks, 'nothing is stored')
  const honest = await startExchange(t)
  await honest.hold([block, ...others])
  await connect(requester, honest)
  t.ok(areContents([await first], [block]))
  t.ok(areContents(await Promise.all(others.map(({ cid }) => session.fetch(cid))), others))
  t.match(requester.details(), { invalidBlocks: 1, distrustedPeers: 1 }, 'the liar is not asked again')
  t.match(
    requester.logs().find(({ level }) => level === 40),
    { peer: liar.id },
  )
})

t.test('a block that nobody asked for is counted, charged and not stored', async t => {
  const requester = await startExchange(t)
  const pusher = await startBitswapScript(t)
  await connect(pusher, requester)
  const { cid, bytes } = randomBlock(1000)
  const small = requester.next('peer:evidence')
  await pusher.send(requester, { blocks: [{ cid, data: bytes }] })
  t.match(await small, { kind: 'overload', detail: /nobody asked/ })
  const large = requester.next('peer:evidence')
  const block = randomBlock(2 * MIB)
  await t.rejects(
    (async () => {
      for (;;) await pusher.send(requester, { blocks: [{ cid: block.cid, data: block.bytes }] })
    })(),
    { code: 'STREAM_CLOSED' },
    'one so large is not even received',
  )
  t.match(await large, { kind: 'overload' })
  t.ok((requester.details().unaskedBlocks ?? 0) >= 2)
  t.notOk(requester.storage.blocks.stats().blocks)
})

t.test('a block that is held, or wanted, is no forgery: an earlier run may have asked for it', async t => {
  const [held, ...wanted] = randomBlocks(600, 100)
  if (!held) throw new Error('no blocks')
  const requester = await startExchange(t)
  await requester.hold([held])
  const silent = await startBitswapScript(t)
  await connect(requester, silent)
  const giveUp = new AbortController()
  await using session = requester.session()
  for (const { cid } of wanted) session.fetch(cid, { signal: giveUp.signal }).catch(() => undefined)
  const asked = (): Set<string> =>
    new Set(silent.messages.flatMap(({ entries }) => entries.map(({ cid }) => cid.toString())))
  await eventually('as many questions as it is asked at a time', () => asked().size === 512 || undefined)
  const other = wanted.find(({ cid }) => !asked().has(cid.toString()))
  if (!other) throw new Error('not all are asked for')
  for (const { cid, bytes } of [held, other]) {
    const evidence = requester.next('peer:evidence')
    await silent.send(requester, { blocks: [{ cid, data: bytes }] })
    t.match(await evidence, { kind: 'overload', detail: /nobody asked/ })
  }
  t.match(requester.details(), { invalidBlocks: 0, distrustedPeers: 0, wantsOutstanding: 599 })
  giveUp.abort(new Error('enough'))
})

t.test('a block that comes after its want was cancelled is no fault', async t => {
  const [late, block] = randomBlocks(2, 1000)
  if (!late || !block) throw new Error('no blocks')
  const requester = await startExchange(t)
  const holder = await startBitswapScript(t, async (message, peer, script) => {
    const others = message.entries.filter(({ cid, type }) => type === WantType.HAVE || !cid.equals(late.cid))
    await holderOf([late, block])({ ...message, entries: others }, peer, script)
  })
  await connect(requester, holder)
  await using session = requester.session()
  const giveUp = new AbortController()
  const fetch = session.fetch(late.cid, { signal: giveUp.signal })
  fetch.catch(() => undefined)
  await holder.message(({ entries }) => entries.some(({ type }) => type === WantType.BLOCK))
  giveUp.abort(new Error('no longer'))
  await t.rejects(fetch, { message: 'no longer' })
  await holder.message(({ entries }) => entries.some(({ cid, cancel }) => cancel && cid.equals(late.cid)))
  await holder.send(requester, { blocks: [{ cid: late.cid, data: late.bytes }] })
  await eventually('the late block', () => requester.details().duplicateBlocks === 1 || undefined)
  t.same(await session.fetch(block.cid), block.bytes)
  t.match(requester.details(), { invalidBlocks: 0, unaskedBlocks: 0 })

  for (const { cid, bytes } of [late, block]) {
    for (let time = 0; time < 3; time++) await holder.send(requester, { blocks: [{ cid, data: bytes }] })
  }
  await eventually('what comes again and again', () => requester.details().unaskedBlocks === 5 || undefined)
  t.match(requester.details(), { duplicateBlocks: 2, invalidBlocks: 0 }, 'once that is no fault')
  t.match(requester.peers.get(holder.port.self), { evidence: { overload: 5 } })
})

t.test(
  'a miss is kept open, fulfilled when the peer gets the block, and taken back when others deliver',
  async t => {
    const [first, second] = randomBlocks(2, 1000)
    if (!first || !second) throw new Error('no blocks')
    const requester = await startExchange(t)
    const held: (typeof first)[] = []
    const peer = await startBitswapScript(t, (message, from, script) => holderOf(held)(message, from, script))
    await connect(requester, peer)
    await using session = requester.session()
    const one = session.fetch(first.cid)
    await peer.message(({ entries }) => entries.some(({ cid }) => cid.equals(first.cid)))
    held.push(first)
    await peer.send(requester, { presences: [{ cid: first.cid, held: true }] })
    t.same(await one, first.bytes)

    const two = session.fetch(second.cid)
    await peer.message(({ entries }) => entries.some(({ cid }) => cid.equals(second.cid)))
    const other = await startExchange(t)
    await other.hold([second])
    await connect(requester, other)
    t.same(await two, second.bytes)
    await peer.message(({ entries }) => entries.some(({ cid, cancel }) => cancel && cid.equals(second.cid)))
  },
)

t.test('a peer that answers nothing is dropped and charged', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t, { stallTimeoutMs: 200, findTimeoutMs: 1_000 })
  const silent = await startBitswapScript(t)
  await connect(requester, silent)
  const evidence = requester.next('peer:evidence')
  await using session = requester.session()
  const fetch = session.fetch(block.cid)
  fetch.catch(() => undefined)
  t.match(await evidence, { kind: 'timeout', detail: 'stalled' })
  await t.rejects(fetch, { code: 'BLOCK_UNAVAILABLE' })
})

t.test('a block larger than its link claims is not taken', async t => {
  const block = randomBlock(100 * KIB)
  const requester = await startExchange(t)
  const holder = await startBitswapScript(t, holderOf([block]))
  await connect(requester, holder)
  await using session = requester.session()
  await t.rejects(session.fetch(block.cid, { sizeHint: 1000 }), { code: 'BLOCK_OVER_HINT' })
  t.same(await session.fetch(block.cid), block.bytes)
})

t.test('whoever was asked for nothing and sends slowly keeps no blocks out', async t => {
  const block = randomBlock(2 * MIB)
  const requester = await startExchange(t)
  const stuck = new Promise<never>(() => undefined)
  let open = 0
  // Each as much as those before leave it: together more than would leave room for a block.
  for (const streams of [60, 32, 16, 8]) {
    const slow = await startNode(t)
    await connect(slow, requester)
    for (let stream = 0; stream < streams; stream++) {
      const channel = await slow.port.open(requester.port.self, BITSWAP)
      let parts = 0
      const pace = (): Promise<void> => (parts++ === 0 ? Promise.resolve() : stuck)
      channel.write(new Uint8Array(128 * KIB), undefined, { pace }).catch(() => undefined)
    }
    open += streams
    await eventually('all to be read', () => {
      const row = requester.network.protocols().find(({ id }) => id === BITSWAP.id)
      return row?.openStreams === open || undefined
    })
  }
  const holder = await startBitswapScript(t, holderOf([block]))
  await connect(requester, holder)
  await using session = requester.session()
  const signal = AbortSignal.timeout(15_000)
  t.ok(areContents([await session.fetch(block.cid, { signal })], [block]))
})
