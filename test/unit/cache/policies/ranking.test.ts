import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Entries, type Fingerprint, type List, mix } from '../../../../plugins/cache/policies/entries.ts'
import { Ranking, STRATEGIES, type Strategy } from '../../../../plugins/cache/policies/ranking.ts'
import { encodeSnapshot, STRATEGY_CODES } from '../../../../plugins/cache/policies/snapshot.ts'
import { heldBufferBytes } from '../../../helpers/held-memory.ts'

const IDS = 60
const CAPACITY = 40

const print = (id: number): Fingerprint => ({ high: mix(id, 1, 5), low: mix(id, 2, 5) })
const prints = Array.from({ length: IDS }, (_, id) => print(id))
const idOf = ({ high, low }: Fingerprint): number =>
  prints.findIndex(one => one.high === high && one.low === low)

type Step =
  | { readonly do: 'insert' | 'adopt'; readonly id: number; readonly bytes: number }
  | { readonly do: 'hit' | 'remove'; readonly id: number }
  | { readonly do: 'evict'; readonly bytes: number }

const id = fc.nat(IDS - 1)
const bytes = fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 2 << 20 }))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('insert' as const), id, bytes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('adopt' as const), id, bytes }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('hit' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), id }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('evict' as const), bytes }) },
)
const steps = fc.array(step, { maxLength: 300, size: 'max' })

/** Does one step; the id that left the ranking by it, -1 where none did. */
function apply(ranking: Ranking, one: Step): number {
  switch (one.do) {
    case 'insert': {
      const forgotten = ranking.insert(print(one.id), one.bytes)
      return forgotten ? idOf(forgotten) : -1
    }
    case 'adopt':
      ranking.adopt(print(one.id), one.bytes)
      return -1
    case 'hit':
      ranking.hit(print(one.id))
      return -1
    case 'remove':
      ranking.remove(print(one.id))
      return -1
    case 'evict': {
      const victim = ranking.evict(one.bytes)
      return victim ? idOf(victim.fingerprint) : -1
    }
  }
}

const create = (strategy: Strategy, capacity = CAPACITY, seed = 3): Ranking =>
  new Ranking({ strategy, capacity, seed })

/** Calls of anything that costs time. */
class CountingEntries extends Entries {
  calls = 0

  override find(fingerprint: Fingerprint): number {
    this.calls += 1
    return super.find(fingerprint)
  }

  override move(slot: number, list: List): void {
    this.calls += 1
    super.move(slot, list)
  }

  override remove(slot: number): void {
    this.calls += 1
    super.remove(slot)
  }

  override newerThan(slot: number): number {
    this.calls += 1
    return super.newerThan(slot)
  }
}

for (const strategy of STRATEGIES) {
  t.test(strategy, async t => {
    t.test('knows what came and did not go, its bytes, and no more than it may', async () => {
      fc.assert(
        fc.property(steps, list => {
          const ranking = create(strategy)
          const model = new Map<number, number>()
          for (const one of list) {
            const wasFull = ranking.isFull
            const gone = apply(ranking, one)
            if (one.do === 'insert' && !model.has(one.id)) model.set(one.id, one.bytes)
            if (one.do === 'adopt' && !model.has(one.id) && !wasFull) model.set(one.id, one.bytes)
            if (one.do === 'remove') model.delete(one.id)
            if (one.do === 'evict') assert.equal(gone === -1, model.size === 0, 'a victim where there is one')
            if (gone !== -1) assert.ok(model.delete(gone), 'what left was a member')
            assert.equal(ranking.blocks, model.size)
            assert.equal(
              ranking.bytes,
              model.values().reduce((sum, size) => sum + size, 0),
            )
            assert.ok(ranking.blocks + ranking.ghosts <= CAPACITY)
          }
          for (const [n, fingerprint] of prints.entries()) {
            assert.equal(ranking.has(fingerprint), model.has(n))
            assert.equal(ranking.hit(fingerprint), model.has(n))
          }
        }),
      )
    })

    t.test('a saved one decides as the original does', async () => {
      fc.assert(
        fc.property(steps, steps, (before, after) => {
          const original = create(strategy)
          for (const one of before) apply(original, one)
          const restored = create(strategy, CAPACITY, 99)
          assert.ok(restored.restore(original.encode()))
          assert.deepEqual(restored.encode(), original.encode())
          for (const one of after) assert.equal(apply(restored, one), apply(original, one))
        }),
      )
    })

    t.test('any bytes are taken over or refused, and never break it', async () => {
      const words = fc.array(fc.nat(2 ** 32 - 1), { minLength: 30, maxLength: 30 })
      const forged = fc
        .record({
          strategyCode: fc.constant(STRATEGY_CODES[strategy]),
          counts: fc.constantFrom([1, 2, 3, 4], [10, 0, 0, 0], [0, 4, 6, 0], [0, 0, 0, 10]),
          words: words.map(list => Uint32Array.from(list)),
          uses: fc.uint8Array({ minLength: 10, maxLength: 10 }),
          policyState: fc.oneof(
            fc.uint8Array({ maxLength: 200 }),
            fc.constant(create(strategy).encode().slice(32)),
          ),
        })
        .map(encodeSnapshot)
      const whole = create(strategy)
      for (const fingerprint of prints) whole.insert(fingerprint, 100)
      const damaged = fc
        .record({ place: fc.nat(whole.encode().length - 1), flip: fc.integer({ min: 1, max: 255 }) })
        .map(({ place, flip }) => whole.encode().map((byte, n) => (n === place ? byte ^ flip : byte)))
      const cut = fc.nat(whole.encode().length - 1).map(length => whole.encode().subarray(0, length))
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged, cut), saved =>
          assert.equal(create(strategy).restore(saved), false),
        ),
      )
      fc.assert(
        fc.property(forged, steps, (saved, after) => {
          const ranking = create(strategy)
          if (!ranking.restore(saved)) return
          for (const one of after) apply(ranking, one)
          let left = ranking.blocks
          while (ranking.evict(1)) left -= 1
          assert.equal(left, 0)
        }),
      )
    })

    t.test('a state that is not of its policy is refused', async t => {
      const empty = { counts: [0, 0, 0, 0], words: new Uint32Array(0), uses: new Uint8Array(0) }
      const saved = encodeSnapshot({
        ...empty,
        strategyCode: STRATEGY_CODES[strategy],
        policyState: Uint8Array.of(7, 7, 7),
      })
      t.notOk(create(strategy).restore(saved))
    })

    t.test('of another strategy, or of a larger one, it takes the blocks', async t => {
      for (const other of STRATEGIES) {
        const larger = create(other, 1000)
        for (const fingerprint of prints) larger.insert(fingerprint, 100)
        const ranking = create(strategy)
        t.ok(ranking.restore(larger.encode()))
        t.equal(ranking.blocks, CAPACITY)
        if (other === strategy) continue
        const same = create(strategy, 1000)
        t.ok(same.restore(larger.encode()))
        t.equal(same.blocks, IDS)
      }
    })

    t.test('a use costs the same among many blocks as among few', async t => {
      const cost = (blocks: number): number => {
        const entries = new CountingEntries({ capacity: 2 * blocks, seed: 3 })
        const ranking = new Ranking({ strategy, capacity: 2 * blocks, seed: 3 }, { entries })
        for (let n = 0; n < blocks; n++) ranking.insert(print(n), 1000)
        entries.calls = 0
        const uses = 20_000
        for (let n = 0; n < uses; n++) {
          const used = n % 3 === 0 ? (n * 7919) % (2 * blocks) : (n * 31) % (blocks >> 3)
          if (ranking.hit(print(used))) continue
          ranking.evict(1000)
          ranking.insert(print(used), 1000)
        }
        return entries.calls / uses
      }
      const [few, many] = [cost(100), cost(10_000)]
      t.ok(few < 12 && many < 12, `${few} and ${many} operations a use`)
    })

    t.test('it takes 30 bytes of memory a block at most', async t => {
      const blocks = 2 ** 17
      const before = heldBufferBytes()
      const ranking = create(strategy, blocks)
      for (let n = 0; n < 1.1 * blocks; n++) ranking.insert(print(n), 1000)
      const bytes = (heldBufferBytes() - before) / blocks
      t.equal(ranking.blocks, blocks)
      t.ok(bytes < 31, `${bytes} bytes`)
    })

    t.test('a large block that nobody uses goes before small ones that are used', async t => {
      const ranking = create(strategy, 1000)
      ranking.insert(print(0), 1 << 20)
      for (let n = 1; n <= 50; n++) ranking.insert(print(n), 4096)
      for (let n = 1; n <= 50; n++) for (let uses = 0; uses < 3; uses++) ranking.hit(print(n))
      t.same(ranking.evict(4096), { fingerprint: print(0), bytes: 1 << 20 })
    })

    t.test('a block of which nothing is known goes before one that came today', async t => {
      const ranking = create(strategy, 1000)
      for (let n = 0; n < 20; n++) ranking.adopt(print(n), 1000)
      for (let n = 20; n < 24; n++) ranking.insert(print(n), 1000)
      const gone = Array.from({ length: 20 }, () => idOf(ranking.evict(1000)?.fingerprint ?? print(-1)))
      t.same(
        gone.filter(n => n >= 20),
        [],
      )
    })
  })
}
