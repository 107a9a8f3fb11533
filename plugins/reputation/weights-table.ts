import { isBannable } from './ban-policy.ts'
import { CREDIT, EVIDENCE, EVIDENCE_KINDS } from './evidence.ts'
import { scoreAt, scoreFrom } from './score.ts'
import { credited, NO_STANDING, type Report, reported, type Standing } from './standing.ts'

/** A peer that has all the credit there is, and nothing against it. */
export const BEST_STANDING: Standing = credited(NO_STANDING, CREDIT.maxWeight * CREDIT.bytesPerWeight, 0)

/** More of a kind add nothing. */
const MAX_STEPS = 200

/** One report that counts, and what it did. */
export interface Step {
  readonly atMs: number
  readonly score: number
  readonly isBanned: boolean
}

/** What a peer comes to that does one thing again and again, as fast as it counts; until it is banned, if it ever is. */
export function stepsOf(kind: Report['kind'], from: Standing = NO_STANDING): Step[] {
  const { limit } = EVIDENCE[kind]
  const steps: Step[] = []
  let standing = from
  for (let step = 0, atMs = 0; step < MAX_STEPS; step++) {
    if (limit && step >= limit.burst) atMs += limit.everyMs
    standing = reported(standing, { kind, detail: '' }, atMs).standing
    const isBanned = isBannable(standing, { kind }, atMs)
    steps.push({ atMs, score: scoreAt(standing, atMs), isBanned })
    if (isBanned) break
  }
  return steps
}

/** Markdown, for the README: what each kind of evidence counts, and what that adds up to. */
export function weightsTable(): string {
  const rows = EVIDENCE_KINDS.map(kind => {
    const { weight, limit, halfLifeMs, maxWeight } = EVIDENCE[kind]
    const [first] = stepsOf(kind)
    return [
      `\`${kind}\``,
      String(weight),
      limit ? `${limit.burst} at once, then 1 each ${duration(limit.everyMs)}` : 'each',
      duration(halfLifeMs),
      String(maxWeight),
      (first?.score ?? 0).toFixed(2),
      scoreFrom(0, maxWeight).toFixed(2),
      banOf(stepsOf(kind)),
      banOf(stepsOf(kind, BEST_STANDING)),
    ]
  })
  const head = [
    'evidence',
    'weight',
    'how many count',
    'half-life',
    'all of it at most',
    'a stranger after one',
    'after all',
    'bans a stranger',
    'bans the best peer',
  ]
  return `${[head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')}\n`
}

function banOf(steps: readonly Step[]): string {
  const last = steps.at(-1)
  if (!last?.isBanned) return 'never'
  const ordinal =
    steps.length === 2 ? 'at the 2nd' : steps.length === 3 ? 'at the 3rd' : `at the ${steps.length}th`
  return last.atMs === 0 ? ordinal : `${ordinal}, after ${duration(last.atMs)}`
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const

/** In the largest unit that it is a whole number of; else in seconds. */
function duration(ms: number): string {
  const [unitMs, unit] = UNITS.find(([unitMs]) => ms % unitMs === 0) ?? [1000, 's']
  return `${ms / unitMs} ${unit}`
}
