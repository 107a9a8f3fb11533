import type { Counter, MetricFactory } from '../../core/api.ts'

export interface VerificationMetrics {
  readonly verifiedBlocks: Counter
  readonly verifiedBytes: Counter
  readonly damagedBlocks: Counter
  readonly repairedBlocks: Counter
  /** Says where the gauges read their values from at scrape time. */
  observe(read: () => Observed): void
}

interface Observed {
  readonly unrepairedBlocks: number
  readonly passShare: number
  readonly lastPassSeconds: number
}

export function createVerificationMetrics(create: MetricFactory): VerificationMetrics {
  let read = (): Observed => ({ unrepairedBlocks: 0, passShare: 0, lastPassSeconds: 0 })
  create.gauge({
    name: 'unrepaired_blocks',
    help: 'Pinned blocks that are damaged or missing here and could not be fetched again yet.',
    collect: () => read().unrepairedBlocks,
  })
  create.gauge({
    name: 'pass_ratio',
    help: 'How far the scrub is in its pass over all blocks, from 0 to 1.',
    collect: () => read().passShare,
  })
  create.gauge({
    name: 'last_pass_seconds',
    help: 'How long the last whole pass took; 0 before there was one.',
    collect: () => read().lastPassSeconds,
  })
  return {
    verifiedBlocks: create.counter({
      name: 'verified_blocks_total',
      help: 'Blocks that were read from disk, hashed, and found good.',
    }),
    verifiedBytes: create.counter({ name: 'verified_bytes_total', help: 'Bytes of those blocks.' }),
    damagedBlocks: create.counter({
      name: 'damaged_blocks_total',
      help: 'Blocks found damaged, by the scrub or by whoever read them.',
    }),
    repairedBlocks: create.counter({
      name: 'repaired_blocks_total',
      help: 'Damaged or missing pinned blocks of which a good copy came.',
    }),
    observe(next) {
      read = next
    },
  }
}
