import t from 'tap'
import { silentLogger } from '../../../../core/logger.ts'
import { exchangeMetrics } from '../../../../plugins/exchange/metrics.ts'
import { blocksLinks } from '../../../../plugins/exchange/requester/blocks-link.ts'
import type { LinkEvents, LinkKind } from '../../../../plugins/exchange/requester/link.ts'
import { Requester } from '../../../../plugins/exchange/requester/requester.ts'
import { Tally } from '../../../../plugins/exchange/tally.ts'
import { deliver, pretender } from '../../../chaos/exchange/script.ts'
import { eventually } from '../../../helpers/eventually.ts'
import { startNode, type TestNode } from '../../network/nodes.ts'
import { connect, randomBlock, startExchange, startPeer } from '../fixture.ts'

const MIB = 1024 * 1024

t.test('a block that is given up while it is hashed is thrown away', async t => {
  const holder = await startExchange(t)
  const node = await startNode(t)
  const block = randomBlock(2 * MIB)
  await holder.hold([block])
  await connect(node, holder)
  const enough = new AbortController()
  const { requester, tally } = createRequester(
    node,
    spied(blocksLinks(node.port), () => enough.abort(new Error('enough'))),
  )
  t.teardown(() => requester.stop())
  requester.connected(holder.port.self)
  await t.rejects(requester.session(block.cid).fetch(block.cid, { signal: enough.signal }), {
    message: 'enough',
  })
  await eventually(
    'it to be thrown away',
    async () => /^skep_exchange_duplicate_blocks_total 1$/m.test(await node.metrics.text()) || undefined,
  )
  t.match(tally.counts, { blocksReceived: 0 })
  t.equal(requester.bytesInFlight, 0)
})

t.test('a node that was frozen blames nobody for what did not come meanwhile', async t => {
  const node = await startNode(t)
  const block = randomBlock(1000)
  const asked = Promise.withResolvers<void>()
  const frozen = Promise.withResolvers<void>()
  const holder = await startPeer(
    t,
    pretender([block], async (...given) => {
      asked.resolve()
      await frozen.promise
      await deliver(...given)
    }),
  )
  await connect(node, holder)
  let jumpMs = 0
  let asks = 0
  const now = (): number => {
    asks++
    return performance.now() + jumpMs
  }
  const { requester } = createRequester(node, blocksLinks(node.port), now)
  t.teardown(() => requester.stop())
  const evidence: string[] = []
  node.events.on('peer:evidence', ({ kind }) => void evidence.push(kind))
  requester.connected(holder.port.self)
  const fetch = requester.session(block.cid).fetch(block.cid)
  await asked.promise
  jumpMs += 60_000
  const before = asks
  await eventually('several looks at who is silent', () => asks > before + 30 || undefined)
  frozen.resolve()
  t.same(await fetch, block.bytes)
  t.same(evidence, [])
})

function createRequester(node: TestNode, kind: LinkKind, now = () => performance.now()) {
  const tally = new Tally(exchangeMetrics(node.metrics.factory('exchange')))
  const requester = new Requester(
    {
      maxBytesInFlight: 64 * MIB,
      maxWindowBytes: 16 * MIB,
      findTimeoutMs: 20_000,
      stallTimeoutMs: 30_000,
      distrustMs: 1000,
    },
    {
      links: [kind],
      self: node.port.self,
      peers: node.peers,
      bandwidth: {
        isLimited: false,
        fetches: true,
        downloadWindowBytes: Number.POSITIVE_INFINITY,
        meters: () => false,
      },
      tally,
      log: silentLogger,
      now,
    },
  )
  return { requester, tally }
}

/** `kind`, whose links tell `onDelivered` once a block was handed on. */
function spied(kind: LinkKind, onDelivered: () => void): LinkKind {
  const spy = (events: LinkEvents): LinkEvents =>
    new Proxy(events, {
      get(target, name) {
        const value = Reflect.get(target, name, target)
        return (...args: unknown[]) => {
          value.apply(target, args)
          if (name === 'delivered') onDelivered()
        }
      },
    })
  return {
    ...kind,
    link: (peer, options, deps) => kind.link(peer, options, { ...deps, events: spy(deps.events) }),
  }
}
