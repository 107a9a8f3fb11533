import fc from 'fast-check'
import t from 'tap'
import { clientHost } from '../../../core/control/tcp/client-host.ts'
import { FailedTries, MAX_TRACKED_HOSTS, TRIES } from '../../../core/control/tcp/failed-tries.ts'

t.test('a host may fail so often at once, then at a pace', async t => {
  const tries = new FailedTries()
  for (let time = 0; time < TRIES.burst; time++) t.equal(tries.count('192.0.2.1', 0), 0)
  t.equal(tries.count('192.0.2.1', 0), 1000 / TRIES.perSecond)
  t.equal(tries.count('192.0.2.1', 500), 1000 / TRIES.perSecond - 500)
  t.equal(tries.count('192.0.2.2', 500), 0, 'another host is another matter')
  t.equal(tries.count('192.0.2.1', 1000 / TRIES.perSecond), 0)
  t.not(tries.count('192.0.2.1', 1000 / TRIES.perSecond), 0)
})

t.test('the table is bounded, whoever comes', async t => {
  const tries = new FailedTries()
  for (let host = 0; host < 10_000; host++) {
    tries.count(`host ${host}`, 0)
    if (tries.tracked > MAX_TRACKED_HOSTS) t.fail(`${tries.tracked} hosts`)
  }
  t.equal(tries.tracked, MAX_TRACKED_HOSTS)
  tries.count('one more', 10_000_000)
  t.equal(tries.tracked, 1, 'who has been quiet is forgotten')
})

t.test('the wait that is told is enough', async t => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 })), steps => {
        const tries = new FailedTries()
        let nowMs = 0
        for (const step of steps) {
          nowMs += step
          const waitMs = tries.count('x', nowMs)
          if (waitMs < 0 || waitMs > 1000 / TRIES.perSecond) return false
          // One who waits as long as it is told.
          if (waitMs > 0) {
            nowMs += Math.ceil(waitMs)
            if (tries.count('x', nowMs) !== 0) return false
          }
        }
        return true
      }),
    ),
  )
})

t.test('what counts as one host', async t => {
  t.equal(clientHost('192.0.2.1'), '192.0.2.1')
  t.equal(clientHost('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(clientHost('2001:db8::1'), clientHost('2001:db8::ffff:1'))
  t.not(clientHost('2001:db8::1'), clientHost('2001:db8:0:1::1'))
  t.equal(clientHost('fe80::1%eth0'), clientHost('fe80::2%eth0'))
  t.equal(clientHost(undefined), 'unknown')
})
