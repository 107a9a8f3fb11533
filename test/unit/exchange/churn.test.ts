import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { holderOf, startBitswapScript } from '../../chaos/exchange/bitswap-script.ts'
import { eventually } from '../../helpers/eventually.ts'
import type { TestNode } from '../network/nodes.ts'
import { areContents, randomBlocks, startExchange, type TestBlock } from './fixture.ts'

const KIB = 1024
const MIB = 1024 * KIB
const HOLDERS = 8
const BITSWAP_HOLDERS = 2
const ROUNDS = 5
const CHURN = 0.3

/** What nobody may be charged with for a connection that was lost: these can ban. */
const BANNING = ['invalid-block', 'protocol-violation', 'overload'] as const

t.test('honest peers that are lost in the midst of transfers, 30 % at a time, break no rule', async t => {
  const { blocks: shelf } = createMemoryStorage({ maxBytes: 1024 * MIB })
  const blocks: TestBlock[] = []
  const requester = await startExchange(t)
  const holders: TestNode[] = []
  for (let at = 0; at < HOLDERS; at++)
    holders.push(await startExchange(t, {}, { ...createMemoryStorage({ maxBytes: MIB }), blocks: shelf }))
  for (let at = 0; at < BITSWAP_HOLDERS; at++) {
    holders.push(await startBitswapScript(t, (...given) => holderOf(blocks)(...given).catch(() => undefined)))
  }
  const charged: string[] = []
  for (const node of [requester, ...holders]) {
    node.events.on('peer:evidence', ({ kind, detail }) => void charged.push(`${kind}: ${detail}`))
  }
  const join = (holder: TestNode): Promise<unknown> =>
    requester.port.dial(holder.port.addresses()).catch(() => undefined)
  const cut = (from: TestNode, to: TestNode): void => {
    for (const connection of from.port.connections(to.port.self))
      connection.abort(new Error('a link is lost'))
  }
  await Promise.all(holders.map(join))
  let cuts = 0
  for (let round = 0; round < ROUNDS; round++) {
    blocks.splice(0, blocks.length, ...randomBlocks(48, 256 * KIB))
    await Promise.all(blocks.map(({ cid, bytes }) => shelf.put(cid, bytes)))
    await using session = requester.session()
    let arrived = 0
    const fetches = blocks.map(({ cid }) =>
      session.fetch(cid).finally(() => {
        arrived += 1
      }),
    )
    const all = Promise.all(fetches)
    // Each round others, at another moment of the transfer, and from either side.
    const leaving = holders.filter((_, at) => (at * 7 + round * 3) % 10 < 10 * CHURN)
    await eventually('the moment', () => arrived >= (round * 9) % 40 || undefined)
    for (const [at, holder] of leaving.entries()) {
      if ((at + round) % 2) cut(requester, holder)
      else cut(holder, requester)
      cuts += 1
    }
    await Promise.all(leaving.map(join))
    t.ok(areContents(await all, blocks), `all of round ${round} come`)
  }
  t.ok(cuts >= ROUNDS * (HOLDERS + BITSWAP_HOLDERS) * CHURN, `${cuts} cuts`)
  t.same(
    charged.filter(text => BANNING.some(kind => text.startsWith(kind))),
    [],
  )
})
