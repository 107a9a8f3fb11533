import type { Counter, MetricFactory } from '../../core/api.ts'
import type { Reachability } from './reachability.ts'

export interface NatMetrics {
  readonly checks: Counter
  readonly askedPeers: Counter
  readonly served: Counter<'result'>
  readonly routerRequests: Counter<'result'>
  readonly holePunches: Counter<'result'>
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

interface Observed {
  readonly reachability: Reachability
  readonly mappings: number
  readonly relays: number
  readonly reservations: number
}

const LEVELS: Record<Reachability, number> = { public: 1, private: 0, unknown: -1 }

export function createNatMetrics(create: MetricFactory): NatMetrics {
  let read = (): Observed => ({ reachability: 'unknown', mappings: 0, relays: 0, reservations: 0 })
  create.gauge({
    name: 'reachability',
    help: '1 where strangers can connect to this node, 0 where they can not, -1 where it is not known.',
    collect: () => LEVELS[read().reachability],
  })
  create.gauge({
    name: 'mapped_ports',
    help: 'Ports that a router forwards to this node at its request.',
    collect: () => read().mappings,
  })
  create.gauge({
    name: 'relays',
    help: 'Peers through which this node can be reached.',
    collect: () => read().relays,
  })
  create.gauge({
    name: 'reservations',
    help: 'Peers that this node relays for.',
    collect: () => read().reservations,
  })
  const checks = create.counter({
    name: 'checks_total',
    help: 'Rounds of asking peers whether they can connect to this node.',
  })
  const askedPeers = create.counter({ name: 'asked_peers_total', help: 'Peers asked in those rounds.' })
  const served = create.counter({
    name: 'served_total',
    help: 'Questions of others whether they can be reached, by result: tried or refused.',
    labels: ['result'],
  })
  const routerRequests = create.counter({
    name: 'router_requests_total',
    help: 'Requests to routers, by result: ok or failed.',
    labels: ['result'],
  })
  const holePunches = create.counter({
    name: 'hole_punches_total',
    help: 'Tries to replace a relayed connection by a direct one, by result: connected or failed.',
    labels: ['result'],
  })
  for (const result of ['tried', 'refused']) served.inc({ result }, 0)
  for (const result of ['ok', 'failed']) routerRequests.inc({ result }, 0)
  for (const result of ['connected', 'failed']) holePunches.inc({ result }, 0)
  return {
    checks,
    askedPeers,
    served,
    routerRequests,
    holePunches,
    observe(next) {
      read = next
    },
  }
}
