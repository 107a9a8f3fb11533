import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Candidate, planSlice } from '../../../plugins/cache/slice.ts'
import { hashOf } from './fixture.ts'

const candidate = fc.record({
  sizeBytes: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  isPinned: fc.boolean(),
  wasTouched: fc.boolean(),
})

const candidates = fc
  .array(candidate, { maxLength: 30 })
  .map(list => list.map((one, sequence): Candidate => ({ ...one, sequence, hash: hashOf(sequence) })))

t.test('a slice takes the longest unused blocks, and no more than is wanted', async () => {
  fc.assert(
    fc.property(
      candidates,
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 400 }),
      (list, wantedBytes, maxBytes) => {
        const { victims, stale, last } = planSlice(list, { wantedBytes, maxBytes })
        const seen = list.slice(0, last ? last.sequence + 1 : 0)
        const evictable = seen.filter(one => !one.isPinned && one.sizeBytes !== undefined && !one.wasTouched)
        assert.deepEqual(
          victims.map(one => one.sequence),
          evictable.map(one => one.sequence),
        )
        assert.deepEqual(
          stale.map(one => one.sequence),
          seen.filter(one => one.isPinned || one.sizeBytes === undefined).map(one => one.sequence),
        )
        const sizes = evictable.map(one => one.sizeBytes ?? 0)
        const total = sizes.reduce((sum, size) => sum + size, 0)
        if (sizes.length > 1) assert.ok(total <= maxBytes)
        assert.ok(total - (sizes.at(-1) ?? 0) < wantedBytes, 'without the last one it would not be enough')
        // It ends early for one of two reasons: it has enough, or the next would be too much at once.
        if (seen.length < list.length) {
          assert.ok(total >= wantedBytes || total + (list[seen.length]?.sizeBytes ?? 0) > maxBytes)
        }
      },
    ),
  )
})

t.test('a slice of nothing says so', async t => {
  t.same(planSlice([], { wantedBytes: 1, maxBytes: 1 }), { victims: [], stale: [], last: undefined })
})
