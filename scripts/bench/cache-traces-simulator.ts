import { mix } from '../../plugins/cache/policies/entries.ts'
import { Ranking, type Strategy } from '../../plugins/cache/policies/ranking.ts'
import type { Trace } from './cache-traces-families.ts'
import type { HitCount } from './cache-traces-optimum.ts'

export interface SimulationOptions {
  readonly strategy: Strategy
  readonly capacityBytes: number
  readonly seed: number
}

export interface Simulation extends HitCount {
  /** Processor time for each request. */
  readonly touchNs: number
}

/** Runs a trace through a strategy as the cache plugin does: room is made first, then the block is stored. */
export function simulate(trace: Trace, { strategy, capacityBytes, seed }: SimulationOptions): Simulation {
  const { requests, sizes } = trace
  const fingerprints = Array.from(sizes, (_, object) => ({
    high: mix(object, 1, seed),
    low: mix(object, 2, seed),
  }))
  // As a store that holds the whole trace would have it: the bound on entries isn't what is measured here.
  const ranking = new Ranking({ strategy, capacity: 2 * sizes.length, seed })
  let hits = 0
  let hitBytes = 0
  const before = process.cpuUsage()
  for (const object of requests) {
    const fingerprint = fingerprints[object]
    const size = sizes[object] as number
    if (!fingerprint) continue
    if (ranking.hit(fingerprint)) {
      hits += 1
      hitBytes += size
      continue
    }
    if (size > capacityBytes) continue
    while (ranking.bytes + size > capacityBytes) ranking.evict(ranking.bytes + size - capacityBytes)
    ranking.insert(fingerprint, size)
  }
  const { user, system } = process.cpuUsage(before)
  return { hits, hitBytes, touchNs: ((user + system) * 1000) / requests.length }
}
