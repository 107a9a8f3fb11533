import t from 'tap'
import { InterfaceWatch, SLEPT_MS } from '../../../core/network/interface-watch.ts'
import { Beats, infoOf } from './beats.ts'

const PERIOD_MS = 5000

function create() {
  const time = new Beats()
  const watch = new InterfaceWatch({ periodMs: PERIOD_MS }, time.surroundings)
  watch.look()
  const lookAfter = (ms: number) => {
    time.pass(ms)
    return watch.look()
  }
  return { time, watch, lookAfter }
}

t.test('addresses that come, go or change', async t => {
  const { time, lookAfter } = create()
  t.equal(lookAfter(PERIOD_MS), undefined)
  for (const addresses of [
    ['192.168.1.8/24'],
    [],
    ['192.168.1.8/24'],
    ['192.168.1.8/16'],
    ['192.168.1.8/16', '10.0.0.1/8'],
  ]) {
    time.addresses = addresses
    t.equal(lookAfter(PERIOD_MS), 'interfaces', addresses.join())
    t.equal(lookAfter(PERIOD_MS), undefined, 'once')
  }
  time.addresses.reverse()
  t.equal(lookAfter(PERIOD_MS), undefined, 'their order says nothing')
})

t.test('the loopback is no network', async t => {
  let lo = [infoOf('127.0.0.1/8')]
  const time = new Beats()
  const watch = new InterfaceWatch(
    { periodMs: PERIOD_MS },
    { ...time.surroundings, interfaces: () => ({ lo }) },
  )
  watch.look()
  lo = []
  t.equal(watch.look(), undefined)
})

t.test('a machine that slept, a process that was frozen, and clocks that are set', async t => {
  const { time, watch, lookAfter } = create()
  t.equal(lookAfter(PERIOD_MS + SLEPT_MS - 1), undefined, 'a busy board looks late')
  t.equal(lookAfter(PERIOD_MS + SLEPT_MS), 'resumed', 'frozen: both clocks go on')
  time.wallMs += 8 * 3_600_000
  t.equal(watch.look(), 'resumed', 'asleep: the monotonic clock stands still')
  time.wallMs -= 24 * 3_600_000
  t.equal(lookAfter(PERIOD_MS), undefined, 'a clock that is put back is no sleep')
  time.addresses = []
  t.equal(lookAfter(3_600_000), 'resumed', 'sleep counts more than what changed in it')
})
