import t from 'tap'
import { deliver, pretender } from '../../chaos/exchange/script.ts'
import { eventually } from '../../helpers/eventually.ts'
import type { TestNode } from '../network/nodes.ts'
import { areContents, bandwidth, connect, randomBlocks, startExchange, startPeer } from './fixture.ts'

const MIB = 1024 * 1024
const LANES = '/skep/lane/1.0.0'

async function lanesOf(node: TestNode, direction: string): Promise<number> {
  const name = `skep_network_lanes_total{direction="${direction}"} `
  const line = (await node.metrics.text()).split('\n').find(text => text.startsWith(name))
  return Number(line?.slice(name.length) ?? 0)
}

/** Waits until `node` knows that `other` opens lanes. */
function knowsLanes(node: TestNode, other: TestNode): Promise<unknown> {
  return eventually('identify', async () =>
    (await node.port.protocolsOf(other.port.self))?.find(id => id === LANES),
  )
}

t.test('much goes over a lane, little over a stream', async t => {
  const holder = await startExchange(t)
  const requester = await startExchange(t)
  const few = randomBlocks(2, MIB)
  const many = randomBlocks(32, MIB)
  await holder.hold([...few, ...many])
  await connect(requester, holder)
  await knowsLanes(requester, holder)
  await using session = requester.session()
  for (const { cid } of few) await session.fetch(cid)
  t.equal(await lanesOf(requester, 'outbound'), 0)
  for (const { cid, bytes } of many) t.equal(Buffer.compare(await session.fetch(cid), bytes), 0)
  t.equal(await lanesOf(requester, 'outbound'), 1)
  t.equal(await lanesOf(holder, 'inbound'), 1)
  t.match(requester.details(), { blocksReceived: 34, bytesInFlight: 0, wantsOutstanding: 0 })
  t.equal(requester.port.connections().length, 1)
})

t.test('who was dialled gets a lane, too', async t => {
  const holder = await startExchange(t)
  const requester = await startExchange(t)
  const blocks = randomBlocks(24, MIB)
  await holder.hold(blocks)
  await connect(holder, requester)
  await knowsLanes(requester, holder)
  await using session = requester.session()
  for (const { cid, bytes } of blocks) t.equal(Buffer.compare(await session.fetch(cid), bytes), 0)
  t.equal(await lanesOf(requester, 'outbound'), 1)
})

t.test('a lane that breaks costs nothing but the way', async t => {
  const blocks = randomBlocks(40, MIB)
  let channels = 0
  const serve = pretender(blocks, deliver)
  const holder = await startPeer(t, async channel => {
    channels++
    if (channels !== 2) return serve(channel)
    // The lane: takes a question and goes away.
    await channel.read()
    channel.abort(new Error('cut'))
  })
  const requester = await startExchange(t)
  await connect(requester, holder)
  await knowsLanes(requester, holder)
  await using session = requester.session()
  const got = await Promise.all(blocks.map(({ cid }) => session.fetch(cid, { sizeHint: MIB })))
  t.ok(areContents(got, blocks))
  t.ok(channels >= 2, 'there was a lane')
  t.match(requester.details(), { invalidBlocks: 0, bytesInFlight: 0 })
})

t.test('what goes over a lane is metered on both sides', async t => {
  const holder = await startExchange(t, bandwidth({}))
  const requester = await startExchange(t, bandwidth({}))
  const blocks = randomBlocks(32, MIB)
  await holder.hold(blocks)
  await connect(requester, holder)
  await knowsLanes(requester, holder)
  await using session = requester.session()
  for (const { cid } of blocks) await session.fetch(cid)
  t.equal(await lanesOf(requester, 'outbound'), 1)
  t.ok((await requester.metric('metered_bytes_total{direction="received"}')) > 32 * MIB)
  t.ok((await holder.metric('metered_bytes_total{direction="sent"}')) > 32 * MIB)
})
