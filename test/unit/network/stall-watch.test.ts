import fc from 'fast-check'
import t from 'tap'
import { FRAME_PATIENCE_MS, MIN_BYTES_PER_SECOND, StallWatch } from '../../../core/network/stall-watch.ts'

const NOTHING = { bytes: 0, frame: undefined }

/** Looks every time it should, at what `at` says of each moment, until there is a verdict or `untilMs` have passed. */
function run(
  { idleTimeoutMs = 60_000, maySleep = false, untilMs = 10_000_000 },
  at: (nowMs: number) => { bytes: number; frame: number | undefined },
  side: 'reading' | 'writing' = 'reading',
) {
  const watch = new StallWatch({ idleTimeoutMs, maySleep }, 0)
  for (let nowMs = 0; nowMs <= untilMs; nowMs += watch.everyMs) {
    const seen = at(nowMs)
    const stall = side === 'reading' ? watch.look(nowMs, seen, NOTHING) : watch.look(nowMs, NOTHING, seen)
    if (stall) return { stall, afterMs: nowMs }
  }
  return undefined
}

t.test('what each kind of peer comes to', async t => {
  const idleTimeoutMs = 60_000
  const at = (bytesPerSecond: number, frame?: number) => (nowMs: number) => ({
    bytes: Math.floor((nowMs / 1000) * bytesPerSecond),
    frame,
  })
  const untilMs = 3_600_000
  t.strictSame(run({ idleTimeoutMs }, at(0)), { stall: 'idle', afterMs: 60_000 }, 'nothing to say')
  t.equal(run({ idleTimeoutMs, maySleep: true, untilMs }, at(0)), undefined, 'a stream of our own')
  for (const maySleep of [true, false]) {
    for (const side of ['reading', 'writing'] as const) {
      t.strictSame(
        run({ idleTimeoutMs, maySleep }, at(0, 7), side),
        { stall: 'stalled', afterMs: 60_000 },
        `silent within a frame, ${side}`,
      )
      t.match(
        run({ idleTimeoutMs, maySleep }, at(1, 7), side),
        { stall: 'slow', afterMs: 75_000 },
        'a byte a second',
      )
    }
  }
  t.equal(
    run({ idleTimeoutMs, untilMs }, at(2 * MIN_BYTES_PER_SECOND, 7)),
    undefined,
    'slow, and fast enough',
  )
  t.equal(run({ idleTimeoutMs, untilMs }, at(1)), undefined, 'little, but whole frames')
  t.match(run({ idleTimeoutMs: 86_400_000 }, at(1, 7)), {
    stall: 'slow',
    afterMs: FRAME_PATIENCE_MS + 30_000,
  })
})

t.test('a process that was frozen blames nobody', async t => {
  const watch = new StallWatch({ idleTimeoutMs: 60_000, maySleep: false }, 0)
  t.equal(watch.look(1_000, { bytes: 1, frame: 1 }, NOTHING), undefined)
  t.equal(watch.look(600_000, { bytes: 1, frame: 1 }, NOTHING), undefined)
})

t.test('no frame takes longer than its bytes and the patience allow, whatever the pattern', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 600_000 }),
      fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 50 }),
      (idleTimeoutMs, steps) => {
        const patienceMs = Math.min(idleTimeoutMs, FRAME_PATIENCE_MS)
        let bytes = 0
        let index = 0
        const watch = new StallWatch({ idleTimeoutMs, maySleep: true }, 0)
        for (let nowMs = 0; ; nowMs += watch.everyMs) {
          const isOver = watch.look(nowMs, { bytes, frame: 1 }, NOTHING) !== undefined
          const allowedMs = patienceMs + (bytes / MIN_BYTES_PER_SECOND) * 1000
          if (isOver) return nowMs >= allowedMs
          if (nowMs > allowedMs + watch.everyMs) return false
          bytes += steps[index++] ?? 0
        }
      },
    ),
  )
})
