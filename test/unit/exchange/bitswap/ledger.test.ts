import t, { type Test } from 'tap'
import { createMemoryBudget } from '../../../../core/resources/byte-budget.ts'
import { Bitswap } from '../../../../plugins/exchange/bitswap/bitswap.ts'
import { Ledger, MAX_KEPT_PRESENCES } from '../../../../plugins/exchange/bitswap/ledger.ts'
import { Outbound } from '../../../../plugins/exchange/bitswap/outbound.ts'
import { exchangeMetrics } from '../../../../plugins/exchange/metrics.ts'
import type { ServeHost, Serving } from '../../../../plugins/exchange/server/serving.ts'
import { Tally } from '../../../../plugins/exchange/tally.ts'
import { WantType } from '../../../../plugins/exchange/wire/bitswap-codec.ts'
import { startBitswapScript, wantOf } from '../../../chaos/exchange/bitswap-script.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { startNode } from '../../network/nodes.ts'
import { connect, randomBlock, randomBlocks } from '../fixture.ts'

/** Has no block. */
const LACKING: ServeHost = {
  sizeOf: () => undefined,
  enqueue: () => false,
  dequeue() {},
  giveBack() {},
  giveBackUnsent() {},
  questioned() {},
  delayMs: () => 0,
  shipped() {},
}

/** What is kept for a peer that reads nothing until `reading` is resolved. */
async function startLedger(t: Test, host: Partial<ServeHost>) {
  const reading = Promise.withResolvers<void>()
  const peer = await startBitswapScript(t, () => reading.promise)
  const node = await startNode(t)
  await connect(node, peer)
  const outbound = new Outbound(peer.port.self, { network: node.port })
  t.teardown(() => outbound.stop())
  const options = { peer: peer.port.self, outbound, host: { ...LACKING, ...host } }
  return { ledger: new Ledger({ isMetered: false }, options), peer, reading }
}

t.test('who reads no answers, however many streams it asks on, is owed a bounded number', async t => {
  const { ledger, peer, reading } = await startLedger(t, {})
  const lists = Array.from({ length: 24 }, () => randomBlocks(2400, 8).map(block => wantOf(block)))
  const taken = Promise.all(lists.map(entries => ledger.take({ entries, full: false })))
  reading.resolve()
  await taken
  const last = randomBlock(8)
  await ledger.take({ entries: [wantOf(last)], full: false })
  await peer.message(({ presences }) => presences.some(({ cid }) => cid.equals(last.cid)))
  const answered = peer.messages.reduce((sum, { presences }) => sum + presences.length, 0)
  t.equal(answered, MAX_KEPT_PRESENCES + 1, 'and what it asks later is answered as ever')
})

t.test('what was read and is cancelled, or voided by a full list, is given back as read in vain', async t => {
  const enqueued: Serving[] = []
  const unsent: number[] = []
  const { ledger, reading } = await startLedger(t, {
    sizeOf: () => 300_000,
    enqueue: serving => enqueued.push(serving) > 0,
    giveBackUnsent: (_, bytes) => void unsent.push(bytes),
  })
  const wants = randomBlocks(4, 8)
  await ledger.take({ entries: wants.map(block => wantOf(block)), full: false })
  for (const serving of enqueued) serving.asker.fulfil(serving, new Uint8Array(300_000))
  const [, second] = wants
  if (!second) throw new Error('there are four')
  await ledger.take({ entries: [wantOf(second, { cancel: true })], full: false })
  t.same(unsent, [300_000])
  await ledger.take({ entries: [], full: true })
  await eventually('what has not left', () => unsent.length >= 3 || undefined)
  reading.resolve()
})

t.test('questions that bring no block are counted', async t => {
  const [held, missing] = [randomBlock(8), randomBlock(8)]
  const counts: number[] = []
  const { ledger, reading } = await startLedger(t, {
    sizeOf: cid => (cid.equals(held.cid) ? 8 : undefined),
    enqueue: () => true,
    questioned: (_, count) => void counts.push(count),
  })
  const entries = [
    wantOf(held),
    wantOf(missing),
    wantOf(held, { type: WantType.HAVE }),
    wantOf(missing, { cancel: true }),
  ]
  await ledger.take({ entries, full: false })
  t.same(counts, [2])
  reading.resolve()
})

t.test('who asks too many is read later, on whatever stream', async t => {
  const node = await startNode(t)
  const peer = await startBitswapScript(t)
  const events: string[] = []
  let delays = 2
  const bitswap = new Bitswap({
    network: node.port,
    connections: id => node.port.connections(id),
    server: {
      ...LACKING,
      join: () => () => undefined,
      delayMs: () => {
        events.push('asked')
        return delays-- > 0 ? 10 : 0
      },
      questioned: () => void events.push('read'),
    },
    bandwidth: { meters: () => false },
    memory: createMemoryBudget(64 * 1024 * 1024),
    peers: node.peers,
    tally: new Tally(exchangeMetrics(node.metrics.factory('exchange'))),
  })
  await bitswap.start({})
  t.teardown(() => bitswap.stop())
  await connect(peer, node)
  await peer.send(node, { entries: [wantOf(randomBlock(8))] })
  await eventually('it to be read', () => events.includes('read') || undefined)
  t.same(events, ['asked', 'asked', 'asked', 'read'])
})
