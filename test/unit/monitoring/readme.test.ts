import { readFile } from 'node:fs/promises'
import t from 'tap'
import { createMetrics } from '../../../core/metrics.ts'
import { monitoringError } from '../../../plugins/monitoring/errors.ts'
import monitoring from '../../../plugins/monitoring/index.ts'
import { createNodeMetrics } from '../../../plugins/monitoring/node-metrics.ts'
import { helpsOf, untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key, metric and error', async t => {
  t.same(await untold(monitoring, monitoringError.fixes), [])
})

t.test('the README names every metric of the node', async t => {
  const readme = await readFile(new URL('../../../plugins/monitoring/README.md', import.meta.url), 'utf8')
  const metrics = createMetrics()
  createNodeMetrics(metrics.factory('node'))
  const all = helpsOf(await metrics.text())
  t.ok(all.length > 15)
  t.same(
    all.flatMap(([name, help]) => [`\`${name}\``, help]).filter(told => !readme.includes(told)),
    [],
  )
})
