/** One line of a bench's output: one metric against one peer. `ratio` is ours / peer; null where the peer took nothing. */
export interface BenchRow {
  readonly bench: string
  readonly metric: string
  readonly ours: number
  readonly peer: number | null
  readonly peerName: string | null
  readonly ratio: number | null
  /** What physics or the machine allows for this metric, measured in the same run; null where there is none. */
  readonly limit: number | null
  readonly unit: string
}

interface RowInit {
  readonly bench: string
  readonly metric: string
  readonly ours: number
  readonly peer?: { readonly name: string; readonly value: number }
  readonly limit?: number
  readonly unit: string
}

const SIGNIFICANT_DIGITS = 4
const round = (value: number): number => Number(value.toPrecision(SIGNIFICANT_DIGITS))

export function benchRow({ bench, metric, ours, peer, limit, unit }: RowInit): BenchRow {
  return {
    bench,
    metric,
    ours: round(ours),
    peer: peer ? round(peer.value) : null,
    peerName: peer?.name ?? null,
    ratio: peer && peer.value > 0 ? round(ours / peer.value) : null,
    limit: limit === undefined ? null : round(limit),
    unit,
  }
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('median of no values')
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (lower + upper) / 2
}
