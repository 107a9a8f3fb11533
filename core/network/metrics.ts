import type { Counter, Gauge, MetricFactory } from '../metrics.ts'

export type DialResult = 'ok' | 'failed' | 'timeout' | 'aborted'

export interface NetworkMetrics {
  readonly connections: Gauge<'direction'>
  readonly dials: Counter<'result'>
  readonly delayedDials: Counter
  readonly dialQueue: Gauge
  readonly handshakes: Gauge
  readonly peerStreams: Gauge
  readonly heldBytes: Gauge
  readonly trimmedConnections: Counter
  readonly redundantConnections: Counter<'kind'>
  readonly refusedConnections: Counter<'reason'>
  readonly probes: Counter<'result'>
  /** Protocol ids are those this build handles or opens: a closed set. */
  readonly streams: Counter<'protocol' | 'direction'>
  readonly refusedStreams: Counter<'protocol' | 'reason'>
  readonly delayedRequests: Counter<'protocol'>
  readonly cutConnections: Counter<'reason'>
  readonly lanes: Counter<'direction'>
  readonly receivedBytes: Counter
  readonly sentBytes: Counter
}

/** What other parts keep count of, asked at scrape time. */
export interface NetworkReadings {
  receivedBytes(): number
  sentBytes(): number
  dialQueue(): number
  handshakes(): number
  peerStreams(): number
  heldBytes(): number
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
    handshakes: create.gauge({
      name: 'handshakes',
      help: 'Inbound connections in the middle of a handshake.',
      collect: read.handshakes,
    }),
    peerStreams: create.gauge({
      name: 'peer_streams',
      help: 'Open streams that peers have opened.',
      collect: read.peerStreams,
    }),
    heldBytes: create.gauge({
      name: 'held_bytes',
      help: 'Memory that connections hold for what came and is not read, or was sent and is not taken.',
      collect: read.heldBytes,
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
      help:
        'Inbound connections refused: too many are open (full), their host or network opens them too fast (rate) or is longest in ' +
        'handshakes that others wait for (handshakes), blocked, banned, not of a closed fleet (fleet), the node starts or stops ' +
        '(shut), a rule failed (failed).',
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
      help:
        'Inbound streams reset: a peer had too many (streams), opened them too fast (rate), may not (trust), or all peers have too ' +
        'many and it has its share (full). Protocol any: over all protocols.',
      labels: ['protocol', 'reason'],
    }),
    delayedRequests: create.counter({
      name: 'delayed_requests_total',
      help: 'Messages and bytes that had to wait, as their peer, or all peers together, ask faster than they may.',
      labels: ['protocol'],
    }),
    cutConnections: create.counter({
      name: 'cut_connections_total',
      help: 'Connections cut: they held too much memory (memory), opened streams too fast (streams).',
      labels: ['reason'],
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
