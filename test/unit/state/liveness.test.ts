import fc from 'fast-check'
import t from 'tap'
import {
  answered,
  asked,
  heard,
  isSilent,
  livenessOf,
  type Pulse,
  phiOf,
} from '../../../core/state/liveness.ts'

const SECOND_MS = 1000
const HOUR_MS = 60 * 60 * SECOND_MS
const seen = { isConnected: false, pulse: { heardMs: 0 }, isOfThisRun: true, failedDials: 0 }

t.test('of those that are not connected', async t => {
  t.equal(livenessOf(seen, HOUR_MS), 'reachable')
  t.equal(livenessOf(seen, 2 * HOUR_MS), 'suspect')
  t.equal(livenessOf({ ...seen, failedDials: 1 }, 1), 'suspect')
  t.equal(livenessOf({ ...seen, failedDials: 3 }, 1), 'down')
  t.equal(livenessOf(seen, 24 * HOUR_MS), 'down')
  t.equal(livenessOf({ ...seen, isOfThisRun: false }, 1), 'suspect', 'nobody knows how long ago it was')
})

t.test('who is connected is suspect only while it owes an answer', async t => {
  const connected = { ...seen, isConnected: true, failedDials: 9 }
  t.equal(livenessOf(connected, 99 * HOUR_MS), 'connected', 'nothing was asked')
  const owing = { ...connected, pulse: asked({ heardMs: 0 }, 0) }
  t.equal(livenessOf(owing, SECOND_MS), 'connected')
  t.equal(livenessOf(owing, 10 * SECOND_MS), 'suspect')
  t.equal(livenessOf({ ...owing, pulse: heard(owing.pulse, 11 * SECOND_MS) }, 99 * HOUR_MS), 'connected')
})

/** A peer that has answered so often, each time after so long. */
function steady(roundTripMs: number, times = 20): Pulse {
  let pulse: Pulse = { heardMs: 0 }
  for (let time = 0; time < times; time++) pulse = answered(asked(pulse, 0), roundTripMs, 0)
  return pulse
}

t.test('a peer is judged by how fast it used to be', async t => {
  const silentAfter = (pulse: Pulse): number => {
    const owing = asked(pulse, 0)
    for (let nowMs = 0; ; nowMs += 100) if (isSilent(owing, nowMs)) return nowMs
  }
  const near = silentAfter(steady(1))
  const far = silentAfter(steady(4000))
  t.ok(near > 2 * SECOND_MS && near < 5 * SECOND_MS, `a neighbour: ${near} ms`)
  t.ok(far > near + 3 * SECOND_MS && far < 12 * SECOND_MS, `one far away: ${far} ms`)
  const uneven = [10, 5000, 10, 5000, 10, 5000].reduce<Pulse>(
    (pulse, roundTripMs) => answered(pulse, roundTripMs, 0),
    { heardMs: 0 },
  )
  t.ok(silentAfter(uneven) > far, 'one that is slow at times gets more time')
})

t.test('suspicion only grows while nothing is heard, and is a number for any history', async () => {
  const history = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 30 })
  const times = fc.tuple(
    fc.double({ min: 0, max: 1e9, noNaN: true }),
    fc.double({ min: 0, max: 1e9, noNaN: true }),
  )
  fc.assert(
    fc.property(history, times, (roundTrips, [one, other]) => {
      const pulse = roundTrips.reduce<Pulse>((before, ms) => answered(before, ms, 0), { heardMs: 0 })
      const owing = asked(asked(pulse, 0), 500)
      const [early, late] = [phiOf(owing, Math.min(one, other)), phiOf(owing, Math.max(one, other))]
      return owing.askedMs === 0 && early >= 0 && late >= early && phiOf(heard(owing, one), late) === 0
    }),
  )
})
