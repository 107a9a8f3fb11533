import { basename } from 'node:path'
import { DEFAULT_STRATEGY, STRATEGIES, type Strategy } from '../../plugins/cache/policies/ranking.ts'
import { FAMILIES, type Trace } from './cache-traces-families.ts'
import { readTrace } from './cache-traces-file.ts'
import { belady, type HitCount, upperBound } from './cache-traces-optimum.ts'
import { simulate } from './cache-traces-simulator.ts'
import { type BenchRow, benchRow } from './row.ts'

export interface CacheTracesOptions {
  /** Instead of the families: files of `key size` lines. */
  readonly files: readonly string[]
  /** Of each family. */
  readonly requests: number
  /** What fits of the bytes of all objects. */
  readonly percent: number
  /** Every object is as large as every other: what a strategy wins by looking at sizes is left out. */
  readonly equalSizes: boolean
}

const BENCH = 'cache-traces'
const SEED = 20_170_401
const EQUAL_BYTES = 1024 * 1024

/** The default strategy's hit ratio beside that of each other one, of the offline optimum, and of the bound that nothing can pass. */
export async function cacheTraces(options: CacheTracesOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  const costs = new Map<Strategy, { ns: number; requests: number }>()
  for await (const [name, trace] of tracesOf(options)) {
    const capacityBytes = trace.sizes.reduce((sum, size) => sum + size, 0) * (options.percent / 100)
    const counts = new Map<string, HitCount>()
    for (const strategy of STRATEGIES) {
      const simulation = simulate(trace, { strategy, capacityBytes, seed: SEED })
      counts.set(strategy, simulation)
      const cost = costs.get(strategy) ?? { ns: 0, requests: 0 }
      cost.ns += simulation.touchNs * trace.requests.length
      cost.requests += trace.requests.length
      costs.set(strategy, cost)
    }
    counts.set('belady', belady(trace, capacityBytes))
    rows.push(...rowsOf(name, trace, counts, upperBound(trace, capacityBytes)))
  }
  return [...rows, ...costRows(costs)]
}

async function* tracesOf({
  files,
  requests,
  equalSizes,
}: CacheTracesOptions): AsyncGenerator<[string, Trace]> {
  const even = (trace: Trace): Trace =>
    equalSizes ? { ...trace, sizes: trace.sizes.map(() => EQUAL_BYTES) } : trace
  if (files.length > 0) {
    for (const file of files) yield [basename(file), even(await readTrace(file))]
    return
  }
  for (const [name, family] of Object.entries(FAMILIES)) yield [name, even(family({ requests, seed: SEED }))]
}

function rowsOf(
  name: string,
  trace: Trace,
  counts: ReadonlyMap<string, HitCount>,
  boundHits: number,
): BenchRow[] {
  const requestedBytes = trace.requests.reduce((sum, object) => sum + (trace.sizes[object] ?? 0), 0)
  const percent = (part: number, whole: number): number => (100 * part) / whole
  const ours = counts.get(DEFAULT_STRATEGY) ?? { hits: 0, hitBytes: 0 }
  const others = [...counts].filter(([strategy]) => strategy !== DEFAULT_STRATEGY)
  const hitRows = others.map(([strategy, { hits }]) =>
    benchRow({
      bench: BENCH,
      metric: name,
      ours: percent(ours.hits, trace.requests.length),
      peer: { name: strategy, value: percent(hits, trace.requests.length) },
      limit: percent(boundHits, trace.requests.length),
      unit: '% of requests',
    }),
  )
  const byteRows = others.map(([strategy, { hitBytes }]) =>
    benchRow({
      bench: BENCH,
      metric: `${name}-bytes`,
      ours: percent(ours.hitBytes, requestedBytes),
      peer: { name: strategy, value: percent(hitBytes, requestedBytes) },
      unit: '% of bytes',
    }),
  )
  return [...hitRows, ...byteRows]
}

function costRows(costs: ReadonlyMap<Strategy, { ns: number; requests: number }>): BenchRow[] {
  const nsOf = (strategy: Strategy): number => {
    const { ns, requests } = costs.get(strategy) ?? { ns: 0, requests: 1 }
    return ns / requests
  }
  return STRATEGIES.filter(strategy => strategy !== DEFAULT_STRATEGY).map(strategy =>
    benchRow({
      bench: BENCH,
      metric: 'touch',
      ours: nsOf(DEFAULT_STRATEGY),
      peer: { name: strategy, value: nsOf(strategy) },
      unit: 'ns',
    }),
  )
}
