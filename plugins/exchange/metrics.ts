import type { Counter, Histogram, MetricFactory } from '../../core/api.ts'

/** What is read at scrape time. */
export interface ExchangeGauges {
  wantsOutstanding(): number
  bytesInFlight(): number
  readAheadBytes(): number
  queuedWants(): number
  monthBytes(): number
  monthlyBudgetBytes(): number
  uploadCapBytes(): number
  downloadCapBytes(): number
}

export interface ExchangeMetrics {
  readonly blocks: Counter<'direction'>
  readonly bytes: Counter<'direction'>
  readonly protocolBytes: Counter<'direction' | 'protocol'>
  readonly invalidBlocks: Counter
  readonly duplicateBlocks: Counter
  readonly unavailableBlocks: Counter
  readonly unaskedBlocks: Counter
  readonly steals: Counter
  readonly answers: Counter<'status'>
  readonly violations: Counter<'side'>
  readonly fetchSeconds: Histogram
  readonly meteredBytes: Counter<'direction'>
  /** The gauges read through this, once the plugin runs. */
  readonly gauges: { source: ExchangeGauges | undefined }
}

export function exchangeMetrics(create: MetricFactory): ExchangeMetrics {
  const gauges: ExchangeMetrics['gauges'] = { source: undefined }
  const gauge = (name: string, help: string, read: (source: ExchangeGauges) => number): void => {
    create.gauge({ name, help, collect: () => (gauges.source ? read(gauges.source) : 0) })
  }
  gauge('wants_outstanding', 'Blocks wanted and not yet received.', source => source.wantsOutstanding())
  gauge('in_flight_bytes', 'Block bytes asked of peers and not yet received.', source =>
    source.bytesInFlight(),
  )
  gauge('read_ahead_bytes', 'Block bytes read for peers and not yet taken by the network.', source =>
    source.readAheadBytes(),
  )
  gauge('queued_wants', 'Blocks that peers wait for.', source => source.queuedWants())
  gauge('month_bytes', 'Bytes exchanged with metered peers this month, both directions.', source =>
    source.monthBytes(),
  )
  gauge(
    'monthly_budget_bytes',
    'What may be exchanged with metered peers in a month; 0: any amount.',
    source => source.monthlyBudgetBytes(),
  )
  gauge(
    'upload_cap_bytes',
    'Bytes a second that metered peers are sent at most, as of now; 0: no cap.',
    source => source.uploadCapBytes(),
  )
  gauge(
    'download_cap_bytes',
    'Bytes a second taken from metered peers at most, as of now; 0: no cap.',
    source => source.downloadCapBytes(),
  )
  return {
    gauges,
    blocks: create.counter({
      name: 'blocks_total',
      help: 'Blocks received (and verified) and sent.',
      labels: ['direction'],
    }),
    bytes: create.counter({
      name: 'bytes_total',
      help: 'Payload bytes of blocks received (and verified) and sent.',
      labels: ['direction'],
    }),
    meteredBytes: create.counter({
      name: 'metered_bytes_total',
      help: 'Bytes exchanged with metered peers, blocks and messages: what caps and the monthly volume count.',
      labels: ['direction'],
    }),
    protocolBytes: create.counter({
      name: 'protocol_bytes_total',
      help: 'Payload bytes of blocks received (and verified) and sent, by the protocol that carried them.',
      labels: ['direction', 'protocol'],
    }),
    invalidBlocks: create.counter({
      name: 'invalid_blocks_total',
      help: 'Blocks refused because their bytes do not match their CID.',
    }),
    duplicateBlocks: create.counter({
      name: 'duplicate_blocks_total',
      help: 'Blocks thrown away: delivered by another peer before, wanted no more, or larger than claimed.',
    }),
    unavailableBlocks: create.counter({
      name: 'unavailable_blocks_total',
      help: 'Blocks that no peer delivered in time.',
    }),
    unaskedBlocks: create.counter({
      name: 'unasked_blocks_total',
      help: 'Messages with blocks that were asked of nobody; thrown away.',
    }),
    steals: create.counter({
      name: 'steals_total',
      help: 'Blocks asked of a second peer because the first was slow.',
    }),
    answers: create.counter({
      name: 'answers_total',
      help: 'Answers given to peers, by status.',
      labels: ['status'],
    }),
    violations: create.counter({
      name: 'violations_total',
      help: 'Streams reset because the other side broke the protocol, by the side it was on.',
      labels: ['side'],
    }),
    fetchSeconds: create.histogram({
      name: 'fetch_seconds',
      help: 'From a block being wanted to its verified bytes.',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    }),
  }
}
