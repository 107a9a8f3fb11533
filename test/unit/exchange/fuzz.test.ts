import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import { babbleOfHolder, babbleOfRequester, say } from '../../chaos/exchange/babbler.ts'
import { heldBufferBytes } from '../../helpers/held-memory.ts'
import { startNode } from '../network/nodes.ts'
import { areContents, connect, open, randomBlock, startExchange, startPeer } from './fixture.ts'

const PEERS = 30
const MIB = 1024 * 1024

/** What the runs may leave behind in buffers: far less than one of the lengths that were announced. */
const MAX_GROWTH_BYTES = 64 * MIB

t.test('holders that send anything at all: the requester goes on', async t => {
  const block = randomBlock(1000)
  const requester = await startExchange(t)
  await using session = requester.session()
  const fetch = session.fetch(block.cid)
  const before = heldBufferBytes()
  for (const babble of fc.sample(babbleOfHolder(block), PEERS)) {
    const said = Promise.withResolvers<void>()
    const peer = await startPeer(t, async channel => {
      await channel.read()
      await say(channel, babble)
      said.resolve()
      if (!channel.signal.aborted) await once(channel.signal, 'abort')
    })
    await connect(requester, peer)
    await said.promise
  }
  t.ok(heldBufferBytes() - before < MAX_GROWTH_BYTES)
  const honest = await startExchange(t)
  await honest.hold([block])
  await connect(requester, honest)
  t.ok(areContents([await fetch], [block]))
  t.match(requester.details(), { wantsOutstanding: 0, bytesInFlight: 0, invalidBlocks: Number })
})

t.test('requesters that send anything at all: the holder goes on', async t => {
  const block = randomBlock(1000)
  const holder = await startExchange(t)
  await holder.hold([block])
  const before = heldBufferBytes()
  for (const babble of fc.sample(babbleOfRequester(block), PEERS)) {
    const node = await startNode(t)
    await connect(node, holder)
    const channel = await open(node, holder)
    await say(channel, babble)
  }
  t.ok(heldBufferBytes() - before < MAX_GROWTH_BYTES)
  const honest = await startExchange(t)
  await connect(honest, holder)
  await using session = honest.session()
  t.ok(areContents([await session.fetch(block.cid)], [block]))
  t.equal(holder.plugin.health().status, 'ok')
})
