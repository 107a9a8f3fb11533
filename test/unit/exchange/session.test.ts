import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import t from 'tap'
import type { Channel } from '../../../core/api.ts'
import { decodeRequest, encodeReply, Status, type Want } from '../../../plugins/exchange/wire/codec.ts'
import { answer, deliver, type Handler, pretender } from '../../chaos/exchange/script.ts'
import { staller } from '../../chaos/exchange/staller.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode } from '../network/nodes.ts'
import { areContents, connect, randomBlock, randomBlocks, startExchange, startPeer } from './fixture.ts'

const MIB = 1024 * 1024
const RAW = 0x55

t.test('a block nobody has: says who was asked, and what each answered', async t => {
  const block = randomBlock(100)
  const requester = await startExchange(t, { findTimeoutMs: 500 })
  const without = await startExchange(t)
  const silent = await startPeer(t, async channel => {
    while (await channel.read());
  })
  const foreign = await startNode(t)
  for (const peer of [without, silent, foreign]) await connect(requester, peer)
  await using session = requester.session()
  const failure: Error = await session.fetch(block.cid).then(
    () => t.fail('nobody has it'),
    error => error,
  )
  t.match(failure, { code: 'BLOCK_UNAVAILABLE' })
  t.match(failure.message, `no peer delivered block ${block.cid} within 0.5 s; asked 3: `)
  t.match(failure.message, `${without.id}: does not have it`)
  t.match(failure.message, `${silent.id}: no answer`)
  t.match(failure.message, `${foreign.port.self}: does not speak /skep/blocks/1.0.0`)
  t.match(requester.details(), { unavailableBlocks: 1, wantsOutstanding: 0, bytesInFlight: 0 })
})

t.test(
  'a peer that puts a block off for ever is waited for no longer than twice the time to find one',
  async t => {
    const block = randomBlock(100)
    const put = (status: Status) => (channel: Channel, want: Want) => answer(channel, want.id, status)
    const excuses: Record<string, { handler: Handler; says: string }> = {
      'busy, but has it': { handler: pretender([block], put(Status.BUSY)), says: 'is busy' },
      'busy, whatever is asked': {
        handler: async channel => {
          for (let message = await channel.read(); message; message = await channel.read())
            for (const want of decodeRequest(message).wants) await put(Status.BUSY)(channel, want)
        },
        says: 'is busy',
      },
      'not any more, but again': {
        handler: pretender([block], async (channel, want) => {
          await channel.write(
            encodeReply({ answers: [{ id: want.id, status: Status.MISSING, length: 0 }], haveUpdates: [] }),
          )
          await channel.write(encodeReply({ answers: [], haveUpdates: [want.cid] }))
        }),
        says: 'does not have it',
      },
    }
    for (const [name, { handler, says }] of Object.entries(excuses)) {
      const findTimeoutMs = 400
      const requester = await startExchange(t, { findTimeoutMs })
      const peer = await startPeer(t, handler)
      await connect(requester, peer)
      await using session = requester.session()
      const startMs = performance.now()
      await t.rejects(
        session.fetch(block.cid, { signal: AbortSignal.timeout(10_000) }),
        { code: 'BLOCK_UNAVAILABLE', message: new RegExp(`${peer.id}: ${says}`) },
        name,
      )
      t.ok(performance.now() - startMs >= findTimeoutMs, 'not at the first excuse')
      t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0 })
    }
  },
)

t.test('a peer that was busy once is asked again', async t => {
  const block = randomBlock(100)
  const requester = await startExchange(t)
  let asked = 0
  const peer = await startPeer(
    t,
    pretender([block], (channel, want) =>
      ++asked > 2 ? deliver(channel, want, block) : answer(channel, want.id, Status.BUSY),
    ),
  )
  await connect(requester, peer)
  await using session = requester.session()
  t.ok(areContents([await session.fetch(block.cid)], [block]))
  t.equal(asked, 3)
})

t.test('a node without peers says so', async t => {
  const requester = await startExchange(t, { findTimeoutMs: 100 })
  await using session = requester.session()
  await t.rejects(session.fetch(randomBlock(1).cid), {
    code: 'BLOCK_UNAVAILABLE',
    message: /no connected peer speaks/,
  })
})

t.test('a block larger than the size hint is not received, and fetched without it', async t => {
  const [first, ...others] = [randomBlock(100), ...randomBlocks(3, MIB)]
  const requester = await startExchange(t)
  const holder = await startExchange(t)
  await holder.hold([first, ...others])
  await connect(requester, holder)
  await using session = requester.session()
  const [offered, ...sent] = others
  const fetch = (block: (typeof others)[number] | undefined, sizeHint?: number) =>
    session.fetch((block ?? first).cid, { sizeHint })
  await t.rejects(fetch(offered, MIB - 1), { code: 'BLOCK_OVER_HINT', message: /1048576 bytes/ })
  t.equal(await requester.metric('duplicate_blocks_total'), 0, 'an offer says so before it is sent')
  t.ok(areContents([await fetch(first, 100)], [first]))
  for (const block of sent) await t.rejects(fetch(block, 1), { code: 'BLOCK_OVER_HINT' })
  t.equal(
    await requester.metric('duplicate_blocks_total'),
    sent.length,
    'of a known holder it is thrown away',
  )
  t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0 })
  const got = await Promise.all([...others.map(block => fetch(block)), fetch(sent[0], MIB)])
  t.ok(areContents(got, [...others, ...sent.slice(0, 1)]), 'over the same stream')
  t.equal(requester.peers.get(holder.port.self)?.evidence['protocol-violation'], undefined)
})

t.test('many blocks at once: each once, from several peers, with room made once', async t => {
  const requester = await startExchange(t)
  const blocks = randomBlocks(300, 1000)
  const holders = [await startExchange(t), await startExchange(t)]
  for (const [at, holder] of holders.entries()) {
    await holder.hold(blocks.filter((_, index) => index % 3 === at || index % 3 === 2))
    await connect(requester, holder)
  }
  await using session = requester.session()
  const other = session.fetch((blocks[7] as (typeof blocks)[0]).cid)
  const got = new Map<string, Uint8Array>()
  let rooms = 0
  await session.fetchAll(
    blocks.map(({ cid }) => ({ cid, sizeHint: 1000 })),
    {
      async makeRoom() {
        rooms += 1
        return () => undefined
      },
      onBlock({ cid }, bytes) {
        t.notOk(got.has(cid.toString()))
        got.set(cid.toString(), bytes)
      },
    },
  )
  t.equal(rooms, 1)
  t.ok(
    areContents(
      blocks.map(({ cid }) => got.get(cid.toString()) as Uint8Array),
      blocks,
    ),
  )
  const alone = await other
  t.ok(areContents([alone], blocks.slice(7, 8)))
  t.equal(alone.byteLength, alone.buffer.byteLength, 'who has one block keeps no others in memory')
  t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0 })
})

t.test(
  'many blocks at once: the first failure ends the fetch, and all that is asked is taken back',
  async t => {
    const requester = await startExchange(t, { findTimeoutMs: 300 })
    const holder = await startExchange(t)
    const blocks = randomBlocks(50, 1000)
    const absent = randomBlock(1000)
    await holder.hold(blocks)
    await connect(requester, holder)
    await using session = requester.session()
    const wanted = [...blocks, absent].map(({ cid }) => ({ cid, sizeHint: 1000 }))
    const stays = session.fetch((blocks[0] as (typeof blocks)[0]).cid)
    let count = 0
    const onBlock = (): void => {
      count += 1
    }
    await t.rejects(session.fetchAll(wanted, { onBlock }), { code: 'BLOCK_UNAVAILABLE' })
    t.equal(count, blocks.length, 'what was there had come')
    await stays
    const refused = new Error('no room')
    const makeRoom = (): Promise<never> => Promise.reject(refused)
    await t.rejects(session.fetchAll(wanted, { onBlock, makeRoom }), refused)
    const stop = new AbortController()
    const stopped = t.rejects(session.fetchAll(wanted, { onBlock, signal: stop.signal }), /enough/)
    stop.abort(new Error('enough'))
    await stopped
    t.equal(count, blocks.length)
    t.match(requester.details(), { unavailableBlocks: 1, wantsOutstanding: 0, bytesInFlight: 0 })
  },
)

t.test('an abort frees all at once, and what still comes is thrown away', async t => {
  const requester = await startExchange(t)
  const holder = await startExchange(t)
  const blocks = randomBlocks(40, MIB)
  await holder.hold(blocks)
  await connect(requester, holder)
  await using session = requester.session()
  const stop = new AbortController()
  const fetches = blocks.map(({ cid }) => session.fetch(cid, { signal: stop.signal, sizeHint: MIB }))
  const ends = Promise.allSettled(fetches)
  await fetches[0]
  stop.abort(new Error('enough'))
  t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0 })
  const failed = (await ends).filter(({ status }) => status === 'rejected')
  t.ok(failed.length > 0)
  for (const end of failed) t.match(end, { reason: { message: 'enough' } })
  const [other] = blocks.slice(-1)
  t.ok(other && areContents([await session.fetch(other.cid)], [other]), 'the stream is still good')
  t.same(requester.peers.get(holder.port.self)?.evidence, {}, 'and nobody broke a rule')
  await eventually('the holder to let go', () => holder.details().queuedWants === 0 || undefined)
})

t.test('one of two who wait for a block may leave', async t => {
  const requester = await startExchange(t)
  const block = randomBlock(100)
  await using session = requester.session()
  const stop = new AbortController()
  const leaving = session.fetch(block.cid, { signal: stop.signal })
  const staying = session.fetch(block.cid)
  stop.abort(new Error('enough'))
  await t.rejects(leaving, { message: 'enough' })
  t.equal(requester.details().wantsOutstanding, 1)
  const holder = await startExchange(t)
  await holder.hold([block])
  await connect(requester, holder)
  t.ok(areContents([await staying], [block]))
})

t.test('a session that ends takes its own wants along', async t => {
  const requester = await startExchange(t)
  const [one, both] = [randomBlock(1), randomBlock(2)]
  const session = requester.session()
  await using other = requester.session()
  const ends = Promise.allSettled([session.fetch(one.cid), session.fetch(both.cid)])
  const staying = other.fetch(both.cid)
  await session[Symbol.asyncDispose]()
  for (const end of await ends) t.match(end, { status: 'rejected', reason: { code: 'SESSION_CLOSED' } })
  t.equal(requester.details().wantsOutstanding, 1)
  await t.rejects(session.fetch(one.cid), { code: 'SESSION_CLOSED' })
  const holder = await startExchange(t)
  await holder.hold([both])
  await connect(requester, holder)
  t.ok(areContents([await staying], [both]))
})

t.test('a stop fails what waits, and can be repeated', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t)
  const peer = await startPeer(t, staller([block]))
  await connect(requester, peer)
  const session = requester.session()
  const end = session.fetch(block.cid)
  const rejected = t.rejects(end, { code: 'EXCHANGE_STOPPED' })
  await requester.plugin.stop()
  await requester.plugin.stop()
  await rejected
  await t.rejects(session.fetch(block.cid), { code: 'EXCHANGE_STOPPED' })
})

t.test('only hashes that can be trusted are fetched', async t => {
  const requester = await startExchange(t)
  await using session = requester.session()
  const sha1 = CID.createV1(RAW, createDigest(0x11, new Uint8Array(20)))
  await t.rejects(session.fetch(sha1), { code: 'HASH_NOT_ALLOWED', message: /0x11 with 20 bytes/ })
  const inlined = CID.createV1(RAW, createDigest(0x00, Uint8Array.of(1, 2, 3)))
  t.same(await session.fetch(inlined), Uint8Array.of(1, 2, 3))
  await t.rejects(session.fetch(randomBlock(1).cid, { signal: AbortSignal.abort(new Error('no')) }), {
    message: 'no',
  })
})

t.test('while nobody serves a block that there was room for, others may have the room', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t)
  const going = await startPeer(
    t,
    pretender([block], async () => void going.network.stop()),
  )
  await connect(requester, going)
  let made = 0
  let givenBack = 0
  const makeRoom = async () => {
    made++
    return () => void givenBack++
  }
  await using session = requester.session()
  const fetch = session.fetch(block.cid, { makeRoom })
  await eventually('room to be made, and given back', () => givenBack === 1 || undefined)
  t.equal(made, 1)
  const other = await startExchange(t)
  await other.hold([block])
  await connect(requester, other)
  t.same(await fetch, block.bytes)
  t.same([made, givenBack], [2, 1], 'made anew, and the caller has it')
})
