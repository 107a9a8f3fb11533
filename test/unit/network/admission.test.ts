import fc from 'fast-check'
import t from 'tap'
import { Admission, MAX_TRACKED_PEERS } from '../../../core/network/admission.ts'
import { fullBucket, refill, takeToken } from '../../../core/network/token-bucket.ts'

t.test('a bucket never lets through more than its rate and burst', async () => {
  const steps = fc.array(fc.nat({ max: 500 }), { maxLength: 200 })
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 50 }), (gapsMs, perSecond) => {
      const rate = { perSecond, burst: perSecond * 2 }
      let bucket = fullBucket(rate, 0)
      let nowMs = 0
      let taken = 0
      for (const gapMs of gapsMs) {
        nowMs += gapMs
        const next = takeToken(bucket, rate, nowMs)
        if (!next) continue
        bucket = next
        taken++
      }
      return taken <= rate.burst + (nowMs / 1000) * perSecond + 1e-6
    }),
  )
})

t.test('a clock that goes back refills nothing', async t => {
  const rate = { perSecond: 1, burst: 2 }
  t.equal(refill({ tokens: 1, atMs: 5000 }, rate, 1000).tokens, 1)
})

t.test('streams at a time', async t => {
  const admission = new Admission({ maxStreamsPerPeer: 2, streamsPerSecond: 100 }, { clock: () => 0 })
  t.equal(admission.enter('a'), undefined)
  t.equal(admission.enter('a'), undefined)
  t.equal(admission.enter('a'), 'streams')
  t.equal(admission.enter('b'), undefined, 'each peer has its own')
  t.equal(admission.open, 3)
  admission.leave('a')
  t.equal(admission.enter('a'), undefined)
})

t.test('streams a second, with bursts of twice that', async t => {
  let nowMs = 0
  const admission = new Admission({ maxStreamsPerPeer: 100, streamsPerSecond: 2 }, { clock: () => nowMs })
  const refusals = () => Array.from({ length: 5 }, () => admission.enter('a'))
  t.same(refusals(), [undefined, undefined, undefined, undefined, 'rate'])
  nowMs = 1000
  t.same(refusals(), [undefined, undefined, 'rate', 'rate', 'rate'])
})

t.test('quiet peers are forgotten, busy ones never, and the table is bounded', async t => {
  let nowMs = 0
  const admission = new Admission({ maxStreamsPerPeer: 2, streamsPerSecond: 1 }, { clock: () => nowMs })
  admission.enter('busy')
  for (let peer = 0; peer < MAX_TRACKED_PEERS * 2; peer++) {
    admission.enter(`peer ${peer}`)
    admission.leave(`peer ${peer}`)
  }
  t.ok(admission.tracked <= MAX_TRACKED_PEERS, `${admission.tracked} tracked`)
  t.equal(admission.open, 1)
  nowMs = 10_000
  admission.enter('another')
  t.equal(admission.tracked, 2, 'whoever has its whole rate again is forgotten')
  admission.enter('busy')
  t.equal(admission.enter('busy'), 'streams', 'and the busy peer was remembered')
})
