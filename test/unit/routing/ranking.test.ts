import t from 'tap'
import { type Contender, costOf, takeBest } from '../../../plugins/routing/search/ranking.ts'

function contender(
  source: Contender['source'],
  summary?: Partial<NonNullable<Contender['summary']>>,
): Contender {
  return { source, summary: summary && { liveness: 'connected', evidence: {}, ...summary } }
}

t.test('the best comes first', async t => {
  const ranked: Contender[] = [
    contender('members', { latencyMs: 1 }),
    contender('members', { latencyMs: 40 }),
    contender('dht', { latencyMs: 1 }),
    contender('delegated', { latencyMs: 20 }),
    contender('members', { latencyMs: 80, liveness: 'reachable' }),
    contender('members'),
    contender('dht'),
    contender('delegated'),
    contender('members', { latencyMs: 1, evidence: { timeout: 1 } }),
    contender('members', { latencyMs: 1, liveness: 'suspect' }),
    contender('members', { latencyMs: 1, evidence: { timeout: 3 } }),
    contender('members', { latencyMs: 1, liveness: 'down' }),
    contender('members', { latencyMs: 1, evidence: { 'invalid-block': 1 } }),
  ]
  t.same(
    ranked.map(costOf),
    ranked.map(costOf).toSorted((a, b) => a - b),
  )
  const shuffled = [...ranked].reverse()
  t.same(
    ranked.map(() => takeBest(shuffled)),
    ranked,
  )
  t.equal(takeBest(shuffled), undefined)
})

t.test('where there are scores they count, and the evidence does not', async t => {
  const scored = (score: number, latencyMs: number): Contender => ({
    ...contender('members', { latencyMs, evidence: { 'invalid-block': 9 } }),
    score,
  })
  const ranked = [scored(0.5, 1), scored(0.67, 2), scored(0.4, 1), scored(0.25, 1), scored(0.1, 1)]
  const shuffled = [...ranked].reverse()
  t.same(
    ranked.map(() => takeBest(shuffled)),
    ranked,
  )
  t.ok(costOf({ source: 'dht', summary: undefined, score: 0.1 }) > costOf(contender('dht')))
})

t.test('of equals the first', async t => {
  const [one, other] = [contender('dht'), contender('dht')]
  t.equal(takeBest([one, other]), one)
})
