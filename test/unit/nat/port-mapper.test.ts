import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { createNatMetrics } from '../../../plugins/nat/metrics.ts'
import { liveParts } from '../../../plugins/nat/parts.ts'
import { PortMapper } from '../../../plugins/nat/port-mapper.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode } from '../network/nodes.ts'

t.test('a node that listens on loopback alone asks no router, and ends at once', async t => {
  const { port, metrics } = await startNode(t)
  const mapper = new PortMapper(
    { enabled: true, maxRetryMs: 60_000, isUnchecked: false },
    {
      parts: await liveParts(port),
      metrics: createNatMetrics(metrics.factory('nat')),
      log: silentLogger,
      changed: () => t.fail('nothing changed'),
    },
  )
  t.same(mapper.status, { state: 'off', router: null, externalAddress: null, mappings: [], reason: null })
  const ending = new AbortController()
  const running = mapper.run(ending.signal)
  const { reason } = await eventually('a reason', () =>
    mapper.status.state === 'none' ? mapper.status : undefined,
  )
  t.equal(reason, 'this node listens on no IPv4 address of a local network')
  mapper.renew()
  ending.abort()
  await running
  await mapper.stop()
  t.equal(mapper.status.state, 'off')
})
