import t from 'tap'
import { Meter } from '../../../../plugins/exchange/requester/meter.ts'
import { INITIAL_PACE, INITIAL_WINDOW_BYTES } from '../../../../plugins/exchange/requester/pace.ts'

const MIB = 1024 * 1024

t.test('room is the window less what is outstanding', async t => {
  const meter = new Meter(16 * MIB)
  meter.asked(MIB, 0)
  meter.asked(10, 0)
  t.equal(meter.roomBytes, INITIAL_WINDOW_BYTES - MIB - 10)
  meter.settled(MIB, 900_000)
  t.equal(meter.outstandingBytes, 10)
  meter.reset()
  t.equal(meter.roomBytes, INITIAL_WINDOW_BYTES)
})

t.test('time in which nothing was owed does not count', async t => {
  const meter = new Meter(16 * MIB)
  meter.asked(MIB, 0)
  meter.settled(MIB, MIB)
  meter.learn(10)
  t.equal(meter.bytesPerMs, INITIAL_PACE.bytesPerMs, 'too short to tell')
  meter.asked(MIB, 5000)
  meter.settled(MIB, MIB)
  meter.learn(5010)
  const measured = (2 * MIB) / 20
  t.equal(meter.bytesPerMs, INITIAL_PACE.bytesPerMs * 0.75 + measured * 0.25)
})

t.test('questions without blocks teach nothing', async t => {
  const meter = new Meter(16 * MIB)
  meter.learn(0)
  meter.learn(1000)
  meter.asked(MIB, 1000)
  meter.settled(MIB, MIB)
  meter.learn(1020)
  t.equal(meter.bytesPerMs, INITIAL_PACE.bytesPerMs * 0.75 + (MIB / 20) * 0.25)
})

t.test('a stall costs half the window, once until something comes', async t => {
  const meter = new Meter(16 * MIB)
  for (let nowMs = 0; nowMs < 1000; nowMs += 100) {
    const bytes = meter.roomBytes
    meter.asked(bytes, nowMs)
    meter.settled(bytes, bytes)
    meter.learn(nowMs + 100)
  }
  const windowBytes = meter.roomBytes
  t.ok(windowBytes >= 8 * MIB, `${windowBytes}`)
  meter.stall()
  meter.stall()
  t.equal(meter.roomBytes, Math.floor(windowBytes / 2))
  meter.asked(MIB, 1000)
  meter.settled(MIB, MIB)
  meter.stall()
  t.equal(meter.roomBytes, Math.floor(windowBytes / 4))
})
