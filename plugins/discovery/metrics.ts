import type { Counter, DiscoverySource, MetricFactory } from '../../core/api.ts'

export interface DiscoveryMetrics {
  readonly found: Counter<'source'>
  readonly dials: Counter<'result'>
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

interface Observed {
  readonly candidates: number
  readonly remembered: number
  readonly isMdnsWorking: boolean
}

const SOURCES: readonly DiscoverySource[] = [
  'mdns',
  'bootstrap',
  'remembered',
  'exchange',
  'dht',
  'manual',
  'inbound',
]

export function createDiscoveryMetrics(create: MetricFactory): DiscoveryMetrics {
  let read = (): Observed => ({ candidates: 0, remembered: 0, isMdnsWorking: false })
  create.gauge({
    name: 'candidates',
    help: 'Peers known, connected or not.',
    collect: () => read().candidates,
  })
  create.gauge({
    name: 'remembered_peers',
    help: 'Peers remembered for the next start.',
    collect: () => read().remembered,
  })
  create.gauge({
    name: 'mdns_working',
    help: '1 while the queries of this node come back to it by multicast, else 0.',
    collect: () => Number(read().isMdnsWorking),
  })
  const found = create.counter({
    name: 'found_total',
    help: 'Peers found, by how they were found first.',
    labels: ['source'],
  })
  const dials = create.counter({
    name: 'dials_total',
    help: 'Dials that ended, by result: connected or failed.',
    labels: ['result'],
  })
  for (const source of SOURCES) found.inc({ source }, 0)
  for (const result of ['connected', 'failed']) dials.inc({ result }, 0)
  return {
    found,
    dials,
    observe(next) {
      read = next
    },
  }
}
