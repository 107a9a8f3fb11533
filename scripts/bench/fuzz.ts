import { relative } from 'node:path'
import { keepInput } from './fuzz/kept-inputs.ts'
import { CASES, type FuzzTarget } from './fuzz/target.ts'
import { TARGETS } from './fuzz/targets.ts'
import { WatchedRun } from './fuzz/watched-run.ts'
import { type BenchRow, benchRow } from './row.ts'

export interface FuzzOptions {
  /** For all targets together, each of which gets as much as any other. */
  readonly minutes: number
  /** Default: all. */
  readonly target?: string
  /** Of the first round; each round after it has the next one. */
  readonly seed: number
}

/** Inputs between two looks at the clock. */
const STEP_CASES = 5000

/**
 * Valid, damaged and meaningless inputs for every codec and parser, for as long as there is time. What fails is told with its
 * seed, and kept among the fixtures, which every run and every test begins with.
 */
export async function fuzz({ minutes, target: only, seed }: FuzzOptions): Promise<BenchRow[]> {
  const targets = TARGETS.filter(({ name }) => only === undefined || name === only)
  if (targets.length === 0)
    throw new RangeError(`no target is named '${only}': ${TARGETS.map(({ name }) => name).join(', ')}`)
  process.stderr.write(`seed ${seed}\n`)
  await using run = new WatchedRun()
  const rows: BenchRow[] = []
  for (const target of targets) {
    rows.push(...(await fuzzOne(run, target, { seed, ms: (minutes * 60_000) / targets.length })))
  }
  return rows
}

async function fuzzOne(
  run: WatchedRun,
  { name }: FuzzTarget,
  { seed, ms }: { readonly seed: number; readonly ms: number },
): Promise<BenchRow[]> {
  const startedMs = performance.now()
  let cases = 0
  let found = 0
  let [round, first] = [seed, 0]
  do {
    const order = { target: name, seed: round, from: first, count: STEP_CASES }
    const result = await run.run(order)
    cases += result.cases
    for (const finding of result.findings) {
      found += 1
      const path = relative(process.cwd(), await keepInput(finding))
      process.stderr.write(`${name}: ${finding.kind}, ${finding.detail}\n  seed ${round}, kept as ${path}\n`)
    }
    first += order.count
    if (first >= CASES) [round, first] = [round + 1, 0]
    // What was found is found again each time: it is to be mended first.
  } while (found === 0 && performance.now() - startedMs < ms)
  const seconds = (performance.now() - startedMs) / 1000
  const row = (metric: string, ours: number, unit: string, limit?: number): BenchRow =>
    benchRow({
      bench: 'fuzz',
      metric: `${name}-${metric}`,
      ours,
      unit,
      ...(limit !== undefined && { limit }),
    })
  return [
    row('cases', cases, 'cases'),
    row('speed', cases / seconds, 'cases/s'),
    row('found', found, 'inputs', 0),
  ]
}
