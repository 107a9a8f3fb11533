import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Fingerprint, mix } from '../../../../plugins/cache/policies/entries.ts'
import { FrequencySketch } from '../../../../plugins/cache/policies/frequency-sketch.ts'
import { Ranking, type Strategy } from '../../../../plugins/cache/policies/ranking.ts'
import { WindowClimber } from '../../../../plugins/cache/policies/window-climber.ts'

const print = (id: number): Fingerprint => ({ high: id, low: mix(id, 0, 1) })

const create = (strategy: Strategy): Ranking => new Ranking({ strategy, capacity: 10_000, seed: 11 })

function insertAll(ranking: Ranking, ids: Iterable<number>, bytes = 100): void {
  for (const id of ids) ranking.insert(print(id), bytes)
}

function* range(from: number, to: number): Generator<number> {
  for (let id = from; id < to; id++) yield id
}

const evict = (ranking: Ranking): number | undefined => ranking.evict(1)?.fingerprint.high

/** Textbook versions over plain arrays, the newest first. */
interface Naive {
  insert(id: number): void
  hit(id: number): void
  evict(): number | undefined
}

function naiveLru(): Naive {
  let list: number[] = []
  return {
    insert: id => list.unshift(id),
    hit(id) {
      list = [id, ...list.filter(other => other !== id)]
    },
    evict: () => list.pop(),
  }
}

/** Algorithm 1 of the paper. */
function naiveSieve(): Naive {
  const list: number[] = []
  const visited = new Set<number>()
  let hand: number | undefined
  return {
    insert: id => list.unshift(id),
    hit: id => visited.add(id),
    evict() {
      if (list.length === 0) return undefined
      let place = hand === undefined ? list.length - 1 : list.indexOf(hand)
      for (let id = list[place]; id !== undefined && visited.delete(id); id = list[place]) {
        place = place === 0 ? list.length - 1 : place - 1
      }
      hand = place === 0 ? undefined : list[place - 1]
      return list.splice(place, 1)[0]
    },
  }
}

for (const [strategy, naive] of [
  ['lru', naiveLru],
  ['sieve', naiveSieve],
] as const) {
  t.test(`${strategy} evicts what its textbook version does`, async () => {
    const step = fc.record({ do: fc.constantFrom('use', 'use', 'use', 'evict'), id: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), steps => {
        const ranking = create(strategy)
        const model = naive()
        for (const one of steps) {
          if (one.do === 'evict') {
            assert.equal(evict(ranking), model.evict())
          } else if (ranking.hit(print(one.id))) {
            model.hit(one.id)
          } else {
            ranking.insert(print(one.id), 100)
            model.insert(one.id)
          }
        }
      }),
    )
  })
}

t.test(
  's3fifo: what comes again while its ghost is remembered stays, what comes once leaves first',
  async t => {
    const ranking = create('s3fifo')
    insertAll(ranking, range(0, 100))
    for (const id of range(0, 50)) t.equal(evict(ranking), id, 'first in, first out')
    t.ok(ranking.ghosts > 0)
    insertAll(ranking, range(45, 50))
    insertAll(ranking, range(100, 200))
    for (const _ of range(0, 100)) evict(ranking)
    t.ok([...range(45, 50)].every(id => ranking.has(print(id))))
  },
)

t.test('s3fifo: what is used twice soon stays, what is used once does not', async t => {
  const ranking = create('s3fifo')
  insertAll(ranking, range(0, 100))
  for (const id of [0, 0, 1]) ranking.hit(print(id))
  for (const _ of range(0, 50)) evict(ranking)
  t.ok(ranking.has(print(0)))
  t.notOk(ranking.has(print(1)))
})

t.test('s3fifo: ghosts are of less bytes than the blocks', async t => {
  const ranking = create('s3fifo')
  for (const id of range(0, 5000)) {
    ranking.insert(print(id), 100)
    if (ranking.blocks > 100) evict(ranking)
  }
  t.ok(ranking.ghosts > 80 && ranking.ghosts <= 90, `${ranking.ghosts} ghosts`)
})

t.test('tinylfu: what is used often outlasts any number of blocks that are read once', async t => {
  const ranking = create('tinylfu')
  insertAll(ranking, range(0, 100))
  for (const id of range(0, 50)) for (const _ of range(0, 3)) ranking.hit(print(id))
  for (const id of range(1000, 1400)) {
    evict(ranking)
    ranking.insert(print(id), 100)
  }
  t.ok([...range(0, 50)].every(id => ranking.has(print(id))))
})

t.test('tinylfu: blocks of which nothing is known make way for those that are asked for', async t => {
  const ranking = create('tinylfu')
  for (const id of range(0, 100)) ranking.adopt(print(id), 100)
  for (const id of range(1000, 1080)) {
    ranking.insert(print(id), 100)
    t.ok((evict(ranking) ?? 1000) < 1000)
  }
})

t.test('tinylfu: a large newcomer must be worth all the small ones in its way', async t => {
  const ranking = create('tinylfu')
  insertAll(ranking, range(0, 100))
  for (const id of range(0, 100)) ranking.hit(print(id))
  ranking.insert(print(500), 5000)
  ranking.hit(print(500))
  ranking.hit(print(500))
  const gone: number[] = []
  while (ranking.bytes > 10_000) gone.push(ranking.evict(ranking.bytes - 10_000)?.fingerprint.high ?? -1)
  t.ok(gone.includes(500), 'used more often than each of them, less than all')
  t.equal(ranking.blocks, 99, 'one of them makes way for the window')
})

const counted = (uses: readonly number[], maxBlocks: number, blocks = maxBlocks): FrequencySketch => {
  const sketch = new FrequencySketch({ maxBlocks, seed: 4 })
  for (const id of uses) sketch.add(print(id), blocks)
  return sketch
}

t.test('the sketch never counts too little, and up to 15', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 79, size: 'max' }), uses => {
      const sketch = counted(uses, 16)
      for (const id of range(0, 31)) {
        const truth = uses.filter(other => other === id).length
        assert.ok(sketch.estimate(print(id)) >= Math.min(15, truth))
      }
    }),
  )
})

t.test(
  'the sketch counts exactly where there is room, keeps its counts when it grows, and forgets by halves',
  async t => {
    const uses = [...range(0, 20)].flatMap(id => Array.from({ length: id % 8 }, () => id))
    const sketch = counted(uses, 4096, 100)
    const before = sketch.bytes
    sketch.add(print(99), 4096)
    t.ok(sketch.bytes > 16 * before)
    for (const id of range(0, 20)) t.equal(sketch.estimate(print(id)), id % 8)
    for (const n of range(0, 5 * 4096)) sketch.add(print(1_000_000 + (n % 4)), 4096)
    for (const id of range(0, 20)) t.equal(sketch.estimate(print(id)), Math.floor((id % 8) / 2))
  },
)

t.test('the window goes where hits rise, and turns where they fall', async t => {
  const climber = new WindowClimber()
  const blocks = 100
  const sample = (hits: number): number => {
    for (const n of range(0, 10 * blocks)) climber.count(n < hits * 10 * blocks, blocks)
    return climber.share
  }
  const first = sample(0.1)
  t.ok(first > 0.05)
  const second = sample(0.2)
  t.ok(second > first)
  t.ok(sample(0.1) < second)
  for (const hits of [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) sample(hits)
  t.equal(climber.share, 0.01, 'within its bounds')
})
