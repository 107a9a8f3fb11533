import type { Counter, Gauge, MetricFactory } from '../../core/api.ts'

export interface MonitoringMetrics {
  readonly requests: Counter<'route' | 'status'>
  readonly probeFailures: Counter<'probe'>
  readonly probeSeconds: Gauge<'probe'>
  readonly eventListeners: Gauge
}

export function createMonitoringMetrics(create: MetricFactory): MonitoringMetrics {
  return {
    requests: create.counter({
      name: 'requests_total',
      help: 'Requests answered, by route and HTTP status.',
      labels: ['route', 'status'],
    }),
    probeFailures: create.counter({
      name: 'probe_failures_total',
      help: 'Probes that failed, by name.',
      labels: ['probe'],
    }),
    probeSeconds: create.gauge({
      name: 'probe_seconds',
      help: 'How long each probe took the last time.',
      labels: ['probe'],
    }),
    eventListeners: create.gauge({
      name: 'event_listeners',
      help: 'Who follows /events, as of the last time that somebody came or left.',
    }),
  }
}
