/** The first wait after a failure; it doubles with each failure in a row. */
export const FIRST_DELAY_MS = 1_000
/** The longest such wait: a neighbour that comes back is met within minutes. */
export const MAX_DELAY_MS = 5 * 60_000
/** Failures of one kind in a row until the loop counts as broken: about two minutes of trying. */
export const BREAK_AFTER = 8
/** How long a broken loop rests between tries. Long enough to cost nothing, short enough that no person is needed. */
export const BROKEN_DELAY_MS = 30 * 60_000
/** A run this long ends a row of failures. Longer than any wait above, so that a rare success can't hide a row. */
export const STABLE_RUN_MS = 60 * 60_000

/** Failures in a row, as far as the policy has to remember them. */
export interface FailureRow {
  readonly kind: string
  /** Of this kind, up to now. */
  readonly identical: number
  /** Of any kind, up to now. */
  readonly total: number
}

export interface Verdict {
  readonly row: FailureRow
  readonly broken: boolean
  readonly delayMs: number
}

/**
 * What to do about a loop that failed after it ran for `ranMs`. `random` gives 0 to 1: waits spread over the upper half
 * of what they could be, so that loops which failed together don't try together.
 */
export function afterFailure(
  before: FailureRow | undefined,
  kind: string,
  ranMs: number,
  random: () => number,
): Verdict {
  const row = nextRow(ranMs < STABLE_RUN_MS ? before : undefined, kind)
  const broken = row.identical >= BREAK_AFTER
  const fullMs = broken ? BROKEN_DELAY_MS : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (row.total - 1))
  return { row, broken, delayMs: Math.round((fullMs * (1 + random())) / 2) }
}

function nextRow(before: FailureRow | undefined, kind: string): FailureRow {
  return {
    kind,
    identical: before?.kind === kind ? before.identical + 1 : 1,
    total: (before?.total ?? 0) + 1,
  }
}

/** What makes two failures the same: a code where there is one, since messages name ports and peers. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? String(error.code) : `${error.name}: ${error.message}`
}
