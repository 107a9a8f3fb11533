import type { Counter, Histogram, MetricFactory } from '../../core/api.ts'

export interface RoutingMetrics {
  readonly lookups: Counter<'source' | 'result'>
  readonly lookupSeconds: Histogram<'source'>
  readonly providers: Counter<'source'>
  readonly announced: Counter
  readonly announceFailures: Counter
  readonly announceLookups: Counter
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

export interface Observed {
  readonly dhtPeers: number
  readonly dhtRecords: number
  readonly isServer: boolean
  /** From 0 to 1; 0 where nothing is announced. */
  readonly announceShare: number
}

const NOTHING: Observed = { dhtPeers: 0, dhtRecords: 0, isServer: false, announceShare: 0 }

export function createRoutingMetrics(create: MetricFactory): RoutingMetrics {
  let read = (): Observed => NOTHING
  create.gauge({
    name: 'dht_peers',
    help: 'Nodes in the routing table of the DHT.',
    collect: () => read().dhtPeers,
  })
  create.gauge({
    name: 'dht_records',
    help: 'Provider records kept for others.',
    collect: () => read().dhtRecords,
  })
  create.gauge({
    name: 'dht_server',
    help: '1 while this node answers others in the DHT, 0 while it only asks.',
    collect: () => Number(read().isServer),
  })
  create.gauge({
    name: 'announce_ratio',
    help: 'How far the announcements of this period are, from 0 to 1.',
    collect: () => read().announceShare,
  })
  return {
    lookups: create.counter({
      name: 'lookups_total',
      help: 'Times a source was asked who has a block. By `source` and `result`: found, none, failed, stopped.',
      labels: ['source', 'result'],
    }),
    lookupSeconds: create.histogram({
      name: 'lookup_seconds',
      help: 'How long one source took for one such question. By `source`.',
      labels: ['source'],
      buckets: [0.001, 0.01, 0.05, 0.2, 1, 5, 15],
    }),
    providers: create.counter({
      name: 'providers_total',
      help: 'Providers found, each once a question. By `source`.',
      labels: ['source'],
    }),
    announced: create.counter({
      name: 'announced_total',
      help: 'Blocks announced in the DHT, each time they were.',
    }),
    announceFailures: create.counter({
      name: 'announce_failures_total',
      help: 'Announcements that reached nobody and are tried again.',
    }),
    announceLookups: create.counter({
      name: 'announce_lookups_total',
      help: 'Look-ups in the DHT made for announcements.',
    }),
    observe(next) {
      read = next
    },
  }
}
