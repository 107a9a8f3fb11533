import t, { type Test } from 'tap'
import type { Channel } from '../../../../core/api.ts'
import { blocksLinks } from '../../../../plugins/exchange/requester/blocks-link.ts'
import { Fetch } from '../../../../plugins/exchange/requester/fetch.ts'
import type { LinkEvents } from '../../../../plugins/exchange/requester/link.ts'
import { Session } from '../../../../plugins/exchange/requester/session.ts'
import { Want } from '../../../../plugins/exchange/requester/want.ts'
import { Mode, PROTOCOL } from '../../../../plugins/exchange/wire/codec.ts'
import { deliver, pretender } from '../../../chaos/exchange/script.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { startNode, type TestNode } from '../../network/nodes.ts'
import { connect, gone, randomBlocks, startPeer, type TestBlock } from '../fixture.ts'

const MIB = 1024 * 1024
const LANES = '/skep/lane/1.0.0'
/** More than a peer delivers before a lane is opened. */
const BLOCKS = randomBlocks(10, MIB)

/** A link to a peer that has {@link BLOCKS}, with a clock that stands still; the peer's channels in the order of their opening. */
async function linked(t: Test) {
  const channels: { readonly channel: Channel; asked: number }[] = []
  const holder = await startPeer(t, async channel => {
    const seen = { channel, asked: 0 }
    channels.push(seen)
    await pretender(BLOCKS, async (...order) => {
      seen.asked++
      await deliver(...order)
    })(channel)
  })
  const node = await startNode(t)
  await connect(node, holder)
  await knowsLanes(node, holder)
  const clock = { nowMs: 0 }
  const delivered = new Map<Want, () => void>()
  const broken: string[] = []
  const events: LinkEvents = {
    delivered: (_link, want) => delivered.get(want)?.(),
    broken: (_link, _owed, reason) => broken.push(reason),
    verified() {},
    forged() {},
    isWanted: () => false,
    wasted() {},
    answered() {},
    gained() {},
    progressed() {},
    unsupported() {},
  }
  const kind = blocksLinks(node.port)
  const link = kind.link(holder.port.self, { maxWindowBytes: 16 * MIB }, { events, now: () => clock.nowMs })
  t.teardown(() => link.drop('the test is over'))
  const session = new Session({ fetchAll: () => Promise.reject(new Error('nobody fetches')), close() {} })
  const fetch = async ({ cid }: TestBlock): Promise<void> => {
    const want = new Want({ cid, session, nowMs: clock.nowMs })
    new Fetch({ onBlock() {} }, { session, abandoned() {} }).wait(want, { cid, sizeHint: MIB })
    await new Promise<void>(resolve => {
      delivered.set(want, resolve)
      link.ask(want, Mode.BLOCK)
    })
  }
  const asked = (): number[] => channels.map(({ asked }) => asked)
  /** Fetches all blocks, and one more by the lane. */
  const widen = async (): Promise<void> => {
    for (const block of BLOCKS) await fetch(block)
    await eventually('a lane', () => channels.length > 1 || undefined)
    await eventually('the lane to be used', async () => {
      await fetch(BLOCKS[0] as TestBlock)
      return (asked()[1] ?? 0) > 0 || undefined
    })
  }
  return { link, clock, channels, asked, broken, widen, fetchOne: () => fetch(BLOCKS[0] as TestBlock) }
}

function knowsLanes(node: TestNode, other: TestNode): Promise<unknown> {
  return eventually('identify', async () =>
    (await node.port.protocolsOf(other.port.self))?.find(id => id === LANES),
  )
}

t.test('the stream is asked now and then while a lane carries the blocks: it would be reset', async t => {
  const { clock, asked, widen, fetchOne } = await linked(t)
  await widen()
  const [stream, lane] = asked() as [number, number]
  await fetchOne()
  t.same(asked(), [stream, lane + 1])
  clock.nowMs += PROTOCOL.idleTimeoutMs - 1
  await fetchOne()
  t.same(asked(), [stream + 1, lane + 1])
  await fetchOne()
  t.same(asked(), [stream + 1, lane + 2])
})

t.test('a lane that the peer ends while it owes nothing there costs nothing', async t => {
  const { asked, channels, broken, widen, fetchOne } = await linked(t)
  await widen()
  const [stream, lane] = asked() as [number, number]
  const { channel } = channels[1] as { channel: Channel }
  const over = gone(channel)
  await channel.close()
  await over
  await fetchOne()
  t.same(asked(), [stream + 1, lane])
  t.same(broken, [])
})

t.test('after a rest there is a lane again', async t => {
  const { link, asked, channels, widen, fetchOne } = await linked(t)
  await widen()
  const [first, second] = channels.map(({ channel }) => gone(channel))
  await link.rest()
  await first
  await second
  await eventually('another lane', async () => {
    await fetchOne()
    return (asked()[3] ?? 0) > 0 || undefined
  })
  t.equal(asked().length, 4)
})
