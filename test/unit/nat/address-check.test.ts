import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { AddressCheck } from '../../../plugins/nat/address-check.ts'
import { candidatesOf } from '../../../plugins/nat/candidates.ts'
import type { AutonatConfig } from '../../../plugins/nat/config.ts'
import { createNatMetrics } from '../../../plugins/nat/metrics.ts'
import { liveParts } from '../../../plugins/nat/parts.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode, startStockNode } from '../network/nodes.ts'

const QUESTION = '/libp2p/autonat/1.0.0'

async function startCheck(t: Parameters<typeof startNode>[0], config: Partial<AutonatConfig> = {}) {
  const node = await startNode(t)
  let nowMs = 0
  const check = new AddressCheck(
    { enabled: true, checkPeriodMs: 60_000, serve: true, maxServedPerMinute: 1, ...config },
    {
      parts: await liveParts(node.port),
      network: node.port,
      metrics: createNatMetrics(node.metrics.factory('nat')),
      log: silentLogger,
      nowMs: () => nowMs,
      random: () => 0,
    },
  )
  await check.start()
  return {
    ...node,
    check,
    pass(ms: number) {
      nowMs += ms
    },
  }
}

t.test('questions of others are answered so many times a minute', async t => {
  const { network, metrics, pass } = await startCheck(t)
  const stranger = await startStockNode(t)
  const connection = await stranger.dial(network.addresses())
  const ask = async (tried: number, refused: number) => {
    const stream = await connection.newStream(QUESTION)
    await eventually('the question to be counted', async () => {
      const text = await metrics.text()
      const isCounted = (result: string, count: number): boolean =>
        text.includes(`skep_nat_served_total{result="${result}"} ${count}\n`)
      return isCounted('tried', tried) && isCounted('refused', refused) ? true : undefined
    })
    return stream
  }
  // One question at a time of each peer.
  const first = await ask(1, 0)
  t.equal(first.status, 'open')
  first.abort(new Error('over'))
  const refused = await ask(1, 1)
  await eventually('the refusal', () => (refused.status === 'open' ? undefined : true))
  pass(60_000)
  await ask(2, 1)
})

t.test('where others are not served, the question is unknown', async t => {
  const { network } = await startCheck(t, { serve: false })
  const stranger = await startStockNode(t)
  const connection = await stranger.dial(network.addresses())
  await t.rejects(connection.newStream(QUESTION), { name: 'UnsupportedProtocolError' })
})

t.test('neighbours of the same network are not asked: what they reach says nothing', async t => {
  const [one, other] = [await startCheck(t), await startCheck(t)]
  await one.port.dial(other.network.addresses())
  t.same(await one.check.servers(), [])
  const candidates = candidatesOf([], undefined)
  const { signal } = new AbortController()
  t.same(await one.check.check(candidates, signal), { reached: new Set(), askedPeers: 0 })
})
