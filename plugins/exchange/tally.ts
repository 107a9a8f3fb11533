import type { ExchangeMetrics } from './metrics.ts'
import type { Status } from './wire/codec.ts'

export interface TallyCounts {
  readonly blocksReceived: number
  readonly bytesReceived: number
  readonly blocksSent: number
  readonly bytesSent: number
  readonly invalidBlocks: number
  readonly duplicateBlocks: number
  readonly unavailableBlocks: number
  readonly unaskedBlocks: number
}

/** Counts once for both the status page and the metrics, so that they agree. */
export class Tally {
  readonly #metrics: ExchangeMetrics
  readonly #counts = {
    blocksReceived: 0,
    bytesReceived: 0,
    blocksSent: 0,
    bytesSent: 0,
    invalidBlocks: 0,
    duplicateBlocks: 0,
    unavailableBlocks: 0,
    unaskedBlocks: 0,
  }

  constructor(metrics: ExchangeMetrics) {
    this.#metrics = metrics
  }

  get counts(): TallyCounts {
    return { ...this.#counts }
  }

  /** `protocol`: by which they came. */
  received(blocks: number, bytes: number, protocol: string): void {
    this.#metrics.protocolBytes.inc({ ...RECEIVED, protocol }, bytes)
    this.#counts.blocksReceived += blocks
    this.#counts.bytesReceived += bytes
    this.#metrics.blocks.inc(RECEIVED, blocks)
    this.#metrics.bytes.inc(RECEIVED, bytes)
  }

  /** A block came, so long after it was wanted. */
  fetched(elapsedMs: number): void {
    this.#metrics.fetchSeconds.observe(elapsedMs / 1000)
  }

  sent(blocks: number, bytes: number, protocol: string): void {
    this.#metrics.protocolBytes.inc({ ...SENT, protocol }, bytes)
    this.#counts.blocksSent += blocks
    this.#counts.bytesSent += bytes
    this.#metrics.blocks.inc(SENT, blocks)
    this.#metrics.bytes.inc(SENT, bytes)
  }

  /** Bytes of frames to and from metered peers, each `sent` or `received`. */
  metered(direction: 'sent' | 'received', bytes: number): void {
    this.#metrics.meteredBytes.inc(direction === 'sent' ? SENT : RECEIVED, bytes)
  }

  invalid(): void {
    this.#counts.invalidBlocks++
    this.#metrics.invalidBlocks.inc()
  }

  duplicate(): void {
    this.#counts.duplicateBlocks++
    this.#metrics.duplicateBlocks.inc()
  }

  unavailable(): void {
    this.#counts.unavailableBlocks++
    this.#metrics.unavailableBlocks.inc()
  }

  unasked(): void {
    this.#counts.unaskedBlocks++
    this.#metrics.unaskedBlocks.inc()
  }

  stolen(): void {
    this.#metrics.steals.inc()
  }

  answered(status: Status): void {
    this.#metrics.answers.inc({ status: status.toLowerCase() })
  }

  violated(side: 'requester' | 'holder'): void {
    this.#metrics.violations.inc({ side })
  }
}

const RECEIVED = { direction: 'received' } as const
const SENT = { direction: 'sent' } as const
