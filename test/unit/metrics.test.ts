import t from 'tap'
import { createMetrics } from '../../core/metrics.ts'

t.test('metrics carry the prefix of their owner and show as Prometheus text', async t => {
  const metrics = createMetrics()
  const create = metrics.factory('block-cache')
  create.counter({ name: 'hits_total', help: 'Hits.', labels: ['tier'] }).inc({ tier: 'memory' }, 2)
  create.gauge({ name: 'used_bytes', help: 'Bytes used.' }).set(7)
  create.gauge({ name: 'blocks', help: 'Blocks held.', collect: () => 3 })
  create.histogram({ name: 'read_seconds', help: 'Time of a read.', buckets: [0.1, 1] }).observe(0.5)
  const text = await metrics.text()
  t.match(text, '# HELP skep_block_cache_hits_total Hits.\n# TYPE skep_block_cache_hits_total counter')
  t.match(text, 'skep_block_cache_hits_total{tier="memory"} 2')
  t.match(text, 'skep_block_cache_used_bytes 7')
  t.match(text, 'skep_block_cache_blocks 3')
  t.match(text, 'skep_block_cache_read_seconds_bucket{le="1"} 1')
  t.match(metrics.contentType, 'text/plain')
})

t.test('dropping a scope forgets its metrics alone, and they can be made again', async t => {
  const metrics = createMetrics()
  const make = (scope: string) => metrics.factory(scope).counter({ name: 'hits_total', help: 'Hits.' })
  make('cache').inc(5)
  make('cache-warm').inc(1)
  metrics.drop('cache')
  const text = await metrics.text()
  t.notMatch(text, 'skep_cache_hits_total')
  t.match(text, 'skep_cache_warm_hits_total 1')
  make('cache')
  t.match(await metrics.text(), 'skep_cache_hits_total 0')
  metrics.drop('unheard-of')
})

t.test('a name that is taken is refused, and dropping its second owner leaves the first', async t => {
  const metrics = createMetrics()
  metrics.factory('a').counter({ name: 'b_hits_total', help: 'Hits.' })
  t.throws(
    () => metrics.factory('a-b').counter({ name: 'hits_total', help: 'Hits.' }),
    /already been registered/,
  )
  metrics.drop('a-b')
  t.match(await metrics.text(), 'skep_a_b_hits_total')
})

t.test('a gauge that can not be read is left out, the others are not', async t => {
  const errors: unknown[][] = []
  const metrics = createMetrics((error, metric) => errors.push([error, metric]))
  const create = metrics.factory('disk')
  let broken = false
  const failure = new Error('unplugged')
  create.gauge({
    name: 'free_bytes',
    help: 'Free.',
    collect() {
      if (broken) throw failure
      return 1
    },
  })
  create.gauge({ name: 'age_seconds', help: 'Age.', collect: () => 9 })
  t.match(await metrics.text(), 'skep_disk_free_bytes 1')
  broken = true
  const text = await metrics.text()
  t.notMatch(text, /^skep_disk_free_bytes/m)
  t.match(text, 'skep_disk_age_seconds 9')
  t.strictSame(errors, [[failure, 'free_bytes']])
})
