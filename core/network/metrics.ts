import type { Counter, Gauge, MetricFactory } from '../metrics.ts'

export type DialResult = 'ok' | 'failed' | 'timeout' | 'aborted'

export interface NetworkMetrics {
  readonly connections: Gauge<'direction'>
  readonly dials: Counter<'result'>
  readonly delayedDials: Counter
  readonly dialQueue: Gauge
  readonly trimmedConnections: Counter
  readonly redundantConnections: Counter<'kind'>
  readonly refusedConnections: Counter<'reason'>
  readonly probes: Counter<'result'>
  /** Protocol ids are those this build handles or opens: a closed set. */
  readonly streams: Counter<'protocol' | 'direction'>
  readonly refusedStreams: Counter<'protocol' | 'reason'>
  readonly lanes: Counter<'direction'>
  readonly receivedBytes: Counter
  readonly sentBytes: Counter
}

/** What other parts keep count of, asked at scrape time. */
export interface NetworkReadings {
  receivedBytes(): number
  sentBytes(): number
  dialQueue(): number
}

export function networkMetrics(create: MetricFactory, read: NetworkReadings): NetworkMetrics {
  return {
    connections: create.gauge({ name: 'connections', help: 'Open connections.', labels: ['direction'] }),
    dials: create.counter({ name: 'dials_total', help: 'Dials, by how they ended.', labels: ['result'] }),
    delayedDials: create.counter({
      name: 'delayed_dials_total',
      help: 'Connections that had to wait before they began, as others had just begun.',
    }),
    dialQueue: create.gauge({
      name: 'dial_queue',
      help: 'Dials under way or waiting.',
      collect: read.dialQueue,
    }),
    trimmedConnections: create.counter({
      name: 'trimmed_connections_total',
      help: 'Connections closed because there were too many.',
    }),
    redundantConnections: create.counter({
      name: 'redundant_connections_total',
      help: 'Connections closed because the peer has a better one: another direct one, or one without the relay.',
      labels: ['kind'],
    }),
    refusedConnections: create.counter({
      name: 'refused_connections_total',
      help: 'Inbound connections refused: too many are open (full), their network opens them too fast (rate), blocked.',
      labels: ['reason'],
    }),
    probes: create.counter({
      name: 'probes_total',
      help: 'Silent peers asked whether they are there (asked), and those cut off as they did not answer (gone).',
      labels: ['result'],
    }),
    streams: create.counter({
      name: 'streams_total',
      help: 'Streams opened, by protocol.',
      labels: ['protocol', 'direction'],
    }),
    refusedStreams: create.counter({
      name: 'refused_streams_total',
      help: 'Inbound streams reset: a peer had too many (streams), opened them too fast (rate), may not (trust).',
      labels: ['protocol', 'reason'],
    }),
    lanes: create.counter({
      name: 'lanes_total',
      help: 'Connections opened for one stream of bulk data alone.',
      labels: ['direction'],
    }),
    receivedBytes: create.counter({
      name: 'received_bytes_total',
      help: 'Bytes received on connections, with all overheads.',
      collect: read.receivedBytes,
    }),
    sentBytes: create.counter({
      name: 'sent_bytes_total',
      help: 'Bytes sent on connections, with all overheads.',
      collect: read.sentBytes,
    }),
  }
}
