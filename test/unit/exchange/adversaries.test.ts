import t from 'tap'
import { liar } from '../../chaos/exchange/liar.ts'
import { quitter } from '../../chaos/exchange/quitter.ts'
import { ruleBreakers } from '../../chaos/exchange/rule-breakers.ts'
import { staller } from '../../chaos/exchange/staller.ts'
import { connect, randomBlocks, startExchange, startPeer } from './fixture.ts'

const KIB = 1024

t.test('a liar is named, and the block comes from an honest peer', async t => {
  const blocks = randomBlocks(20, 100 * KIB)
  const requester = await startExchange(t)
  const dishonest = await startPeer(t, liar(blocks))
  const honest = await startExchange(t)
  await honest.hold(blocks)
  await connect(requester, dishonest)
  const evidence = requester.next('peer:evidence')
  await using session = requester.session()
  const first = session.fetch(blocks[0]?.cid as never)
  const { peer, kind } = await evidence
  t.equal(peer.toString(), dishonest.id)
  t.equal(kind, 'invalid-block')
  t.notOk(requester.storage.blocks.stats().blocks, 'nothing is stored')
  await connect(requester, honest)
  t.same(await first, blocks[0]?.bytes)
  for (const { cid, bytes } of blocks) t.same(await session.fetch(cid), bytes)
  t.equal(await requester.metric('invalid_blocks_total'), 1, 'the liar is not asked again')
  t.equal(requester.details().distrustedPeers, 1)
  const line = requester.logs().find(({ level }) => level === 40)
  t.match(line, { peer: dishonest.id, cid: blocks[0]?.cid.toString() }, 'and named in the log')

  await using another = requester.session()
  const [unheld] = randomBlocks(1, 10)
  await t.rejects(another.fetch(unheld?.cid as never, { signal: AbortSignal.timeout(300) }))
  t.equal(await requester.metric('invalid_blocks_total'), 1, 'not even by another session')
})

t.test('a distrusted peer is asked again when its time is over', async t => {
  const [block] = randomBlocks(1, 1000)
  if (!block) return
  const requester = await startExchange(t, { distrustMs: 200, findTimeoutMs: 5_000 })
  let lies = 1
  const lie = liar([block])
  const { pretender, deliver } = await import('../../chaos/exchange/script.ts')
  const truth = pretender([block], deliver)
  const peer = await startPeer(t, channel => (lies-- > 0 ? lie(channel) : truth(channel)))
  await connect(requester, peer)
  await using session = requester.session()
  const other = requester.exchange.session(block.cid)
  const first = session.fetch(block.cid, { signal: AbortSignal.timeout(150) })
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
  t.same(got, blocks.map(({ bytes }) => bytes))
  t.ok((await requester.metric('steals_total')) > 0)
})

t.test('a peer that delivers nothing for too long is dropped and charged', async t => {
  const blocks = randomBlocks(2, 1000)
  const requester = await startExchange(t, { stallTimeoutMs: 200, findTimeoutMs: 1_000 })
  const slow = await startPeer(t, staller(blocks))
  await connect(requester, slow)
  const evidence = requester.next('peer:evidence')
  await using session = requester.session()
  const fetch = session.fetch(blocks[0]?.cid as never)
  fetch.catch(() => undefined)
  t.match(await evidence, { kind: 'timeout', detail: 'stalled' })
  await t.rejects(fetch, { code: 'BLOCK_UNAVAILABLE', message: new RegExp(`${slow.id}: stalled`) })
})

for (const how of ['reset', 'close'] as const) {
  t.test(`a peer that quits midway by ${how}`, async t => {
    const blocks = randomBlocks(10, 100 * KIB)
    const requester = await startExchange(t, { findTimeoutMs: 1_000 })
    const unreliable = await startPeer(t, quitter(blocks, how))
    await connect(requester, unreliable)
    await using session = requester.session()
    const alone = session.fetch(blocks[0]?.cid as never)
    await t.rejects(alone, { code: 'BLOCK_UNAVAILABLE', message: /lost the stream/ }, 'is given up alone')
    const honest = await startExchange(t)
    await honest.hold(blocks)
    await connect(requester, honest)
    const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid)))
    t.same(got, blocks.map(({ bytes }) => bytes))
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
    t.same(await fetches, blocks.map(({ bytes }) => bytes))
    t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0, invalidBlocks: 0 })
  })
}
