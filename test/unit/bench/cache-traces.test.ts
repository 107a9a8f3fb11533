import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { STRATEGIES } from '../../../plugins/cache/policies/ranking.ts'
import { cacheTraces } from '../../../scripts/bench/cache-traces.ts'
import type { Trace } from '../../../scripts/bench/cache-traces-families.ts'
import { readTrace } from '../../../scripts/bench/cache-traces-file.ts'
import { belady, upperBound } from '../../../scripts/bench/cache-traces-optimum.ts'
import { simulate } from '../../../scripts/bench/cache-traces-simulator.ts'

const OBJECTS = 6

const traceOf = (requests: number[], sizes: number[]): Trace => ({
  requests: Uint32Array.from(requests),
  sizes: Uint32Array.from(sizes),
})

/** The most hits that any choice of what to keep could have: tries all of them. */
function mostHits({ requests, sizes }: Trace, capacityBytes: number): number {
  const best = new Map<string, number>()
  const from = (n: number, held: number): number => {
    if (n === requests.length) return 0
    const key = `${n} ${held}`
    const known = best.get(key)
    if (known !== undefined) return known
    const bit = 1 << (requests[n] ?? 0)
    const all = held | bit
    let most = 0
    for (let kept = all; ; kept = (kept - 1) & all) {
      const bytes = sizes.reduce((sum, size, object) => sum + ((kept >> object) & 1) * size, 0)
      if (bytes <= capacityBytes) most = Math.max(most, from(n + 1, kept))
      if (kept === 0) break
    }
    const hits = most + ((held & bit) === 0 ? 0 : 1)
    best.set(key, hits)
    return hits
  }
  return from(0, 0)
}

const requests = fc.array(fc.nat(OBJECTS - 1), { minLength: 1, maxLength: 18, size: 'max' })
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: OBJECTS, maxLength: OBJECTS })

t.test('belady is the optimum where sizes are equal', async () => {
  fc.assert(
    fc.property(requests, fc.integer({ min: 1, max: 5 }), (list, capacity) => {
      const trace = traceOf(list, new Array<number>(OBJECTS).fill(1))
      assert.equal(belady(trace, capacity).hits, mostHits(trace, capacity))
    }),
  )
})

t.test('the optimum lies between belady and the bound, and no strategy passes either', async () => {
  fc.assert(
    fc.property(requests, sizes, fc.integer({ min: 1, max: 30 }), (list, each, capacity) => {
      const trace = traceOf(list, each)
      const most = mostHits(trace, capacity)
      assert.ok(belady(trace, capacity).hits <= most)
      assert.ok(upperBound(trace, capacity) >= most)
      for (const strategy of STRATEGIES) {
        assert.ok(simulate(trace, { strategy, capacityBytes: capacity, seed: 1 }).hits <= most)
      }
    }),
    { numRuns: 50 },
  )
})

t.test('a trace from a file', async t => {
  const file = join(t.testdir(), 'trace.txt')
  writeFileSync(file, '# key size\na 10\nb 2000000\n\na 10\n')
  t.same(await readTrace(file), traceOf([0, 1, 0], [10, 2_000_000]))
  const rows = await cacheTraces({ files: [file], requests: 1, percent: 50, equalSizes: false })
  t.match(rows[0], { bench: 'cache-traces', metric: 'trace.txt', ours: 33.33, unit: '% of requests' })
  for (const wrong of ['a', 'a b', 'a -1', 'a 1.5', 'a 0', 'a 1 2']) {
    writeFileSync(file, `a 1\n${wrong}\n`)
    await t.rejects(readTrace(file), { message: `${file}:2: '${wrong}' is not a key and a size in bytes` })
  }
})

t.test('the default strategy is the best', async t => {
  const rows = await cacheTraces({ files: [], requests: 100_000, percent: 5, equalSizes: false })
  const hits = rows.filter(row => row.unit === '% of requests')
  t.same(new Set(hits.map(row => row.metric)), new Set(['zipf', 'zipf-scan', 'shifting', 'recency', 'loop']))
  for (const { metric, ours, peer, peerName, limit } of hits) {
    if (peer === null || limit === null) throw new Error(`${metric} stands alone`)
    if (peerName === 'belady') t.ok(peer <= limit, `${metric}: within what is possible`)
    else t.ok(ours >= peer - 5, `${metric}: ${ours}, ${peerName} ${peer}`)
    if (peerName !== 'lru' || metric === 'recency') continue
    t.ok(ours > peer + (metric === 'zipf-scan' ? 5 : 0), `${metric}: ${ours}, lru ${peer}`)
  }
})
