import t, { type Test } from 'tap'
import { decodeRequest, Mode, PROTOCOL, Status } from '../../../plugins/exchange/wire/codec.ts'
import { liar } from '../../chaos/exchange/liar.ts'
import { quitter } from '../../chaos/exchange/quitter.ts'
import { ruleBreakers } from '../../chaos/exchange/rule-breakers.ts'
import { answer, deliver, pretender } from '../../chaos/exchange/script.ts'
import { staller } from '../../chaos/exchange/staller.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode } from '../network/nodes.ts'
import { areContents, connect, randomBlock, randomBlocks, startExchange, startPeer } from './fixture.ts'

const KIB = 1024

// Large ones are hashed on another thread.
for (const kib of [100, 1024]) {
  t.test(`a liar is named, and the block of ${kib} KiB comes from an honest peer`, t => refuted(t, kib * KIB))
}

async function refuted(t: Test, blockBytes: number): Promise<void> {
  const [block, ...others] = [randomBlock(blockBytes), ...randomBlocks(19, blockBytes)]
  const blocks = [block, ...others]
  const requester = await startExchange(t)
  const dishonest = await startPeer(t, liar(blocks))
  const honest = await startExchange(t)
  await honest.hold(blocks)
  await connect(requester, dishonest)
  const evidence = requester.next('peer:evidence')
  await using session = requester.session()
  const first = session.fetch(block.cid)
  const { peer, kind } = await evidence
  t.equal(peer.toString(), dishonest.id)
  t.equal(kind, 'invalid-block')
  t.notOk(requester.storage.blocks.stats().blocks, 'nothing is stored')
  await connect(requester, honest)
  t.ok(areContents([await first], [block]))
  t.ok(areContents(await Promise.all(others.map(({ cid }) => session.fetch(cid))), others))
  t.equal(await requester.metric('invalid_blocks_total'), 1, 'the liar is not asked again')
  t.equal(requester.details().distrustedPeers, 1)
  const line = requester.logs().find(({ level }) => level === 40)
  t.match(line, { peer: dishonest.id, cid: block.cid.toString() }, 'and named in the log')

  await using another = requester.session()
  await t.rejects(another.fetch(randomBlock(10).cid, { signal: AbortSignal.timeout(300) }))
  t.equal(await requester.metric('invalid_blocks_total'), 1, 'not even by another session')
}

t.test('a distrusted peer is asked again when its time is over', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t, { distrustMs: 200, findTimeoutMs: 5_000 })
  let lies = 1
  const lie = liar([block])
  const truth = pretender([block], deliver)
  const peer = await startPeer(t, channel => (lies-- > 0 ? lie(channel) : truth(channel)))
  await connect(requester, peer)
  await using session = requester.session()
  const other = requester.exchange.session(block.cid)
  const evidence = requester.next('peer:evidence')
  const asking = new AbortController()
  const first = session.fetch(block.cid, { signal: asking.signal })
  await evidence
  asking.abort()
  await t.rejects(first)
  t.same(await other.fetch(block.cid), block.bytes)
})

t.test('a staller loses its work to others', async t => {
  const blocks = randomBlocks(30, 200 * KIB)
  const requester = await startExchange(t, { stallTimeoutMs: 60_000 })
  const slow = await startPeer(t, staller(blocks, 3))
  const honest = await startExchange(t)
  await honest.hold(blocks)
  await connect(requester, slow)
  await connect(requester, honest)
  await using session = requester.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid, { sizeHint: 200 * KIB })))
  t.ok(areContents(got, blocks))
  t.ok((await requester.metric('steals_total')) > 0)
})

t.test('a peer that delivers nothing for too long is dropped and charged', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t, { stallTimeoutMs: 200, findTimeoutMs: 1_000 })
  const slow = await startPeer(t, staller([block]))
  await connect(requester, slow)
  const evidence = requester.next('peer:evidence')
  await using session = requester.session()
  const fetch = session.fetch(block.cid)
  fetch.catch(() => undefined)
  t.match(await evidence, { kind: 'timeout', detail: 'stalled' })
  await t.rejects(fetch, { code: 'BLOCK_UNAVAILABLE', message: new RegExp(`${slow.id}: stalled`) })
})

t.test('what a peer says that it has is no block: it owes those none the less', async t => {
  const block = randomBlock(1000)
  const others = randomBlocks(200, 10)
  const requester = await startExchange(t, { stallTimeoutMs: 500, findTimeoutMs: 60_000 })
  const talker = await startPeer(t, staller([block, ...others]))
  await connect(requester, talker)
  const charged = new AbortController()
  const evidence = requester.next('peer:evidence').finally(() => charged.abort())
  await using session = requester.session()
  session.fetch(block.cid).catch(() => undefined)
  let asked = 0
  const asking = setInterval(() => {
    const other = others[asked++]
    if (!other) return
    const fresh = requester.session()
    fresh.fetch(other.cid, { signal: charged.signal }).catch(() => fresh[Symbol.asyncDispose]())
  }, 50)
  t.match(await evidence, { kind: 'timeout', detail: 'stalled' })
  clearInterval(asking)
  t.ok(asked < others.length, `after ${asked} questions more`)
})

t.test('a peer that begins to speak the protocol after it was asked is asked again soon', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t)
  const late = await startNode(t)
  await connect(requester, late)
  await using session = requester.session()
  await t.rejects(session.fetch(randomBlock(10).cid, { signal: AbortSignal.timeout(500) }))
  await late.port.handle(PROTOCOL, pretender([block], deliver))
  t.same(await session.fetch(block.cid, { signal: AbortSignal.timeout(10_000) }), block.bytes)
})

for (const how of ['reset', 'close'] as const) {
  t.test(`a peer that quits midway by ${how}`, async t => {
    const block = randomBlock(100 * KIB)
    const blocks = [block, ...randomBlocks(9, 100 * KIB)]
    const requester = await startExchange(t, { findTimeoutMs: 1_000 })
    const unreliable = await startPeer(t, quitter(blocks, how))
    await connect(requester, unreliable)
    await using session = requester.session()
    const alone = session.fetch(block.cid)
    await t.rejects(alone, { code: 'BLOCK_UNAVAILABLE', message: /lost the stream/ }, 'is given up alone')
    const honest = await startExchange(t)
    await honest.hold(blocks)
    await connect(requester, honest)
    const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid)))
    t.ok(areContents(got, blocks))
  })
}

for (const [what, breaker] of Object.entries(ruleBreakers)) {
  t.test(`a holder that ${what} is charged, and others deliver`, async t => {
    const blocks = randomBlocks(3, 10 * KIB)
    const requester = await startExchange(t)
    const rude = await startPeer(t, breaker(blocks))
    await connect(requester, rude)
    const evidence = requester.next('peer:evidence')
    await using session = requester.session()
    const fetches = Promise.all(blocks.map(({ cid }) => session.fetch(cid)))
    const { peer, kind } = await evidence
    t.match([peer.toString(), kind], [rude.id, 'protocol-violation'])
    const honest = await startExchange(t)
    await honest.hold(blocks)
    await connect(requester, honest)
    t.ok(areContents(await fetches, blocks))
    t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0, invalidBlocks: 0 })
  })
}

t.test('who tells of another length than a block has is found out by the block, and charged', async t => {
  const block = randomBlock(10 * KIB)
  const requester = await startExchange(t)
  const braggart = await startPeer(t, async channel => {
    for (let message = await channel.read(); message; message = await channel.read()) {
      for (const { id, mode } of decodeRequest(message).wants)
        if (mode === Mode.HAVE) await answer(channel, id, Status.OK, 2 * 1024 * KIB)
    }
  })
  await connect(requester, braggart)
  const evidence = requester.next('peer:evidence')
  await using session = requester.session()
  const fetch = session.fetch(block.cid)
  await eventually('its claim to be believed', async () =>
    (await requester.metric('in_flight_bytes')) === 2 * 1024 * KIB ? true : undefined,
  )
  const honest = await startExchange(t)
  await honest.hold([block])
  await connect(requester, honest)
  t.ok(areContents([await fetch], [block]))
  const { peer, kind, detail } = await evidence
  t.match([peer.toString(), kind], [braggart.id, 'protocol-violation'])
  t.match(detail, /offered 2097152 bytes of \S+, which has 10240/)
  t.same(requester.peers.get(honest.port.self)?.evidence, {})
})
