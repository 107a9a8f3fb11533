import fc from 'fast-check'
import t from 'tap'
import {
  faster,
  INITIAL_PACE,
  INITIAL_WINDOW_BYTES,
  slower,
} from '../../../../plugins/exchange/requester/pace.ts'

const MIB = 1024 * 1024

t.test('a quick peer gets the largest window in a few round trips', async t => {
  let pace = INITIAL_PACE
  for (let trips = 0; trips < 4; trips++) {
    pace = faster(
      pace,
      { bytes: pace.windowBytes, elapsedMs: pace.windowBytes / (200 * 1024), full: true },
      16 * MIB,
    )
  }
  t.equal(pace.windowBytes, 16 * MIB)
})

t.test('a slow peer is asked for no more than it delivers in a second', async t => {
  let pace = INITIAL_PACE
  for (let trips = 0; trips < 30; trips++) {
    pace = faster(pace, { bytes: MIB, elapsedMs: 200, full: true }, 64 * MIB)
  }
  t.ok(Math.abs(pace.windowBytes - 5 * MIB) < MIB, `${pace.windowBytes}`)
})

t.test('a window that holds nobody back stays', async t => {
  const pace = faster(INITIAL_PACE, { bytes: MIB, elapsedMs: 1, full: false }, 16 * MIB)
  t.equal(pace.windowBytes, INITIAL_WINDOW_BYTES)
})

t.test('a busy peer has half, but never less than two blocks', async t => {
  t.equal(slower({ windowBytes: 8 * MIB, bytesPerMs: 1 }, 16 * MIB).windowBytes, 4 * MIB)
  t.equal(slower(INITIAL_PACE, 16 * MIB).windowBytes, INITIAL_WINDOW_BYTES)
})

t.test('windows stay within their bounds', async () => {
  const sample = fc.record({
    bytes: fc.integer({ min: 1, max: 64 * MIB }),
    elapsedMs: fc.double({ min: 20, max: 60_000, noNaN: true }),
    full: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(fc.oneof(sample, fc.constant(undefined))), samples => {
      let pace = INITIAL_PACE
      for (const next of samples) pace = next ? faster(pace, next, 8 * MIB) : slower(pace, 8 * MIB)
      return pace.windowBytes >= INITIAL_WINDOW_BYTES && pace.windowBytes <= 8 * MIB && pace.bytesPerMs > 0
    }),
  )
})
