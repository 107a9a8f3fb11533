import type { Counter, Gauge, MetricFactory } from '../metrics.ts'

/** Why a request or a connection by TCP was refused or cut off. */
export type RefusalReason =
  | 'host'
  | 'origin'
  | 'token_missing'
  | 'token_unknown'
  | 'token_expired'
  | 'too_many_tries'
  | 'scope'
  | 'local_route'
  | 'connections'
  | 'connections_of_host'
  | 'malformed'
  | 'pipelining'
  | 'slow_request'
  | 'slow_body'
  | 'slow_reader'

export interface ControlMetrics {
  readonly requests: Counter
  readonly refused: Counter<'reason'>
  readonly connections: Gauge
}

/** `connections`: how many are open, as it is asked. */
export function createControlMetrics(create: MetricFactory, connections: () => number): ControlMetrics {
  return {
    requests: create.counter({
      name: 'requests_total',
      help: 'Requests of the control API that came by TCP, with a token that was good for them.',
    }),
    refused: create.counter({
      name: 'refused_total',
      help: 'Requests and connections by TCP to the control API that were refused or cut off, by reason.',
      labels: ['reason'],
    }),
    connections: create.gauge({
      name: 'connections',
      help: 'Open TCP connections to the control API.',
      collect: connections,
    }),
  }
}
