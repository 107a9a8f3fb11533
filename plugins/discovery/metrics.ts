import type { Counter, DiscoverySource, MetricFactory } from '../../core/api.ts'

export interface DiscoveryMetrics {
  readonly found: Counter<'source'>
  readonly dials: Counter<'result'>
  readonly mdnsPackets: Counter<'kind'>
  readonly exchanges: Counter<'kind'>
  readonly records: Counter<'result'>
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

interface Observed {
  readonly candidates: number
  readonly records: number
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
  let read = (): Observed => ({ candidates: 0, records: 0, isMdnsWorking: false })
  create.gauge({
    name: 'candidates',
    help: 'Peers that may be dialed, connected or not.',
    collect: () => read().candidates,
  })
  create.gauge({
    name: 'peer_records',
    help: 'Peers whose signed record is known.',
    collect: () => read().records,
  })
  create.gauge({
    name: 'mdns_working',
    help: '1 while the queries of this node come back to it by multicast on some network, else 0.',
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
  const mdnsPackets = create.counter({
    name: 'mdns_packets_total',
    help: 'Multicast packets sent, by kind: query or answer.',
    labels: ['kind'],
  })
  const exchanges = create.counter({
    name: 'exchanges_total',
    help: 'Peer exchanges, by kind: asked, told of something new, answered, or failed.',
    labels: ['kind'],
  })
  const records = create.counter({
    name: 'records_total',
    help: 'Peer records that others told, by result: news, known, refused as out of bounds, or invalid.',
    labels: ['result'],
  })
  for (const kind of ['query', 'answer']) mdnsPackets.inc({ kind }, 0)
  for (const kind of ['asked', 'told', 'answered', 'failed']) exchanges.inc({ kind }, 0)
  for (const result of ['news', 'known', 'refused', 'invalid']) records.inc({ result }, 0)
  for (const source of SOURCES) found.inc({ source }, 0)
  for (const result of ['connected', 'failed']) dials.inc({ result }, 0)
  return {
    found,
    dials,
    mdnsPackets,
    exchanges,
    records,
    observe(next) {
      read = next
    },
  }
}
