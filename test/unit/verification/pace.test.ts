import fc from 'fast-check'
import t from 'tap'
import {
  dueMs,
  isPossible,
  PATIENCE,
  type PaceOptions,
  resumedMs,
  SPREAD,
  waitMs,
} from '../../../plugins/verification/pace.ts'

const DAY_MS = 86_400_000
const MIB = 1024 * 1024
const options: PaceOptions = { periodMs: 30 * DAY_MS, maxBytesPerSecond: 4 * MIB }
const step = { share: 0.5, bytes: MIB, elapsedMs: 0, allowedBytes: 8 * MIB, isBusy: false }
const due = 13.5 * DAY_MS

t.test('when the next block is read', async t => {
  t.equal(dueMs(options, 0.5), due)
  t.equal(waitMs(options, step), due, 'not before it is due')
  t.equal(waitMs(options, { ...step, elapsedMs: due - 5 }), 10_000, 'a few blocks at a time')
  t.equal(waitMs(options, { ...step, elapsedMs: due }), 0)
  t.equal(waitMs(options, { ...step, elapsedMs: due, isBusy: true }), 1000, 'it yields')
  const patienceMs = PATIENCE * options.periodMs
  t.equal(waitMs(options, { ...step, elapsedMs: due + patienceMs - 10, isBusy: true }), 10)
  t.equal(waitMs(options, { ...step, elapsedMs: due + patienceMs, isBusy: true }), 0, 'but not for ever')
  t.equal(waitMs(options, { ...step, elapsedMs: due, allowedBytes: 0 }), 250, 'the ceiling')
  t.equal(waitMs(options, { ...step, elapsedMs: 40 * DAY_MS, allowedBytes: 0 }), 250, 'also when it is late')
})

t.test('whether a pass fits into the period', async t => {
  const mostBytes = 4 * MIB * 27 * 86_400
  t.ok(isPossible(options, mostBytes))
  t.notOk(isPossible(options, mostBytes + 1))
})

t.test('after a time off', async t => {
  const saved = { elapsedMs: due, share: 0.5 }
  t.equal(resumedMs(options, saved, 0), due)
  t.equal(resumedMs(options, saved, DAY_MS), due + DAY_MS, 'that time counts')
  t.equal(resumedMs(options, saved, 300 * DAY_MS), due + 1.5 * DAY_MS, 'but not all of it')
  t.equal(resumedMs(options, saved, -DAY_MS), due, 'a clock that went back counts for nothing')
  const late = { elapsedMs: due + 5 * DAY_MS, share: 0.5 }
  t.equal(resumedMs(options, late, DAY_MS), late.elapsedMs, 'what is late stays as late as it was')
})

/** Time as the policy has it pass: each block is read in no time, as soon as it may be. */
function simulate(
  pace: PaceOptions,
  blocks: readonly { readonly share: number; readonly bytes: number }[],
  isBusy: (elapsedMs: number) => boolean,
): { readonly doneMs: number; readonly readAtMs: readonly number[] } {
  const burst = Math.max(pace.maxBytesPerSecond, 4 * MIB)
  let tokens = burst
  let elapsedMs = 0
  const readAtMs: number[] = []
  for (const { share, bytes } of blocks.toSorted((a, b) => a.share - b.share)) {
    for (;;) {
      const ms = waitMs(pace, { share, bytes, elapsedMs, allowedBytes: tokens, isBusy: isBusy(elapsedMs) })
      if (ms === 0) break
      elapsedMs += ms
      tokens = Math.min(burst, tokens + (ms / 1000) * pace.maxBytesPerSecond)
    }
    tokens -= bytes
    readAtMs.push(elapsedMs)
  }
  return { doneMs: elapsedMs, readAtMs }
}

const paces = fc.record({
  periodMs: fc.integer({ min: 10_000, max: 7_200_000 }),
  maxBytesPerSecond: fc.integer({ min: 64 * 1024, max: 64 * MIB }),
})
const stores = fc.array(
  fc.record({
    share: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bytes: fc.integer({ min: 1, max: 2 * MIB + 4096 }),
  }),
  { maxLength: 40 },
)

t.test('a pass ends within its period where the ceiling allows, whatever the load', async () => {
  fc.assert(
    fc.property(paces, stores, fc.constantFrom('idle', 'busy', 'at times'), (pace, blocks, load) => {
      const totalBytes = blocks.reduce((sum, { bytes }) => sum + bytes, 0)
      // Blocks that chance puts together at the end have no time of their own.
      fc.pre((totalBytes / pace.maxBytesPerSecond) * 1000 <= (1 - SPREAD - PATIENCE) * pace.periodMs)
      const isBusy = (ms: number): boolean =>
        load === 'busy' || (load === 'at times' && Math.floor(ms / 3000) % 2 === 0)
      const { doneMs, readAtMs } = simulate(pace, blocks, isBusy)
      if (doneMs > pace.periodMs) throw new Error(`took ${doneMs} of ${pace.periodMs}`)
      for (const [index, { share }] of blocks.toSorted((a, b) => a.share - b.share).entries()) {
        const lateMs = (readAtMs[index] ?? 0) - dueMs(pace, share)
        if (lateMs < 0) throw new Error('read before it was due')
        if (load === 'idle' && totalBytes < 4 * MIB && lateMs > pace.periodMs / 10_000 + 2) {
          throw new Error(`${lateMs} late, without a reason`)
        }
      }
    }),
  )
})

t.test('never more than the ceiling', async () => {
  fc.assert(
    fc.property(paces, stores, (pace, blocks) => {
      const { readAtMs } = simulate({ ...pace, periodMs: 1000 }, blocks, () => false)
      const sorted = blocks.toSorted((a, b) => a.share - b.share)
      let bytes = 0
      for (const [index, atMs] of readAtMs.entries()) {
        bytes += sorted[index]?.bytes ?? 0
        const most = Math.max(pace.maxBytesPerSecond, 4 * MIB) + (atMs / 1000) * pace.maxBytesPerSecond
        if (bytes > most + 1) throw new Error(`${bytes} in ${atMs} ms`)
      }
    }),
  )
})
