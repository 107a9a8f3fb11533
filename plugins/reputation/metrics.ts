import type { Counter, MetricFactory } from '../../core/api.ts'
import { EVIDENCE_KINDS } from './evidence.ts'

export interface ReputationMetrics {
  readonly evidence: Counter<'kind' | 'result'>
  readonly bans: Counter<'kind'>
  readonly refused: Counter<'direction'>
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

interface Observed {
  readonly bannedPeers: number
  readonly knownPeers: number
}

export function createReputationMetrics(create: MetricFactory): ReputationMetrics {
  let read = (): Observed => ({ bannedPeers: 0, knownPeers: 0 })
  create.gauge({
    name: 'banned_peers',
    help: 'Peers that are kept out now.',
    collect: () => read().bannedPeers,
  })
  create.gauge({
    name: 'known_peers',
    help: 'Peers that there is evidence of, for or against them.',
    collect: () => read().knownPeers,
  })
  const evidence = create.counter({
    name: 'evidence_total',
    help: 'Reports of what peers did wrong, by kind and result: counted, limited (too soon after others), or excused (perhaps our own fault).',
    labels: ['kind', 'result'],
  })
  const bans = create.counter({
    name: 'bans_total',
    help: 'Bans made, by the kind of evidence that came last.',
    labels: ['kind'],
  })
  const refused = create.counter({
    name: 'refused_connections_total',
    help: 'Connections with banned peers that were refused, by direction.',
    labels: ['direction'],
  })
  for (const kind of EVIDENCE_KINDS) {
    bans.inc({ kind }, 0)
    for (const result of ['counted', 'limited', 'excused']) evidence.inc({ kind, result }, 0)
  }
  for (const direction of ['inbound', 'outbound']) refused.inc({ direction }, 0)
  return {
    evidence,
    bans,
    refused,
    observe(next) {
      read = next
    },
  }
}
