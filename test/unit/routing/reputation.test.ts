import { CID } from 'multiformats/cid'
import t from 'tap'
import { systemClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics } from '../../../core/metrics.ts'
import { ContentRouter } from '../../../plugins/routing/content-router.ts'
import { createRoutingMetrics } from '../../../plugins/routing/metrics.ts'
import type { Source } from '../../../plugins/routing/search/source.ts'
import { createPeerIds, openCourt } from '../reputation/fixture.ts'

const [banned, doubtful, stranger] = await createPeerIds(3)
if (!banned || !doubtful || !stranger) throw new Error('three peers')
const cid = CID.parse('bafkqaaa')

t.test('who has the best reputation goes first, and who is banned is not told of', async t => {
  const court = await openCourt(t)
  for (let time = 0; time < 2; time++) court.peers.report(banned, 'invalid-block', 'wrong')
  court.peers.report(doubtful, 'protocol-violation', 'what?')
  const source: Source = {
    name: 'members',
    delayMs: 0,
    isReady: true,
    async *findProviders() {
      for (const peer of [banned, doubtful, stranger]) yield { peer, addresses: [] }
    },
  }
  const router = new ContentRouter(
    { dhtDelayMs: 0, delegatedDelayMs: 0, timeoutMs: 10_000, maxProviders: 20, enough: 5, missMs: 1000 },
    {
      sources: [source],
      network: court.port,
      peers: court.peers,
      reputation: () => court.judge,
      metrics: createRoutingMetrics(createMetrics().factory('routing')),
      log: silentLogger,
      clock: systemClock,
    },
  )
  const found: string[] = []
  for await (const { peer } of router.findProviders(cid)) found.push(peer.toString())
  t.same(found, [stranger.toString(), doubtful.toString()])
})
