import t from 'tap'
import { Pace } from '../../../../plugins/routing/members/pace.ts'

t.test('who takes more than its rate waits until that is made up for', async t => {
  // Who waits keeps no process alive.
  const alive = setInterval(() => undefined, 1000)
  t.teardown(() => clearInterval(alive))
  let nowMs = 0
  const pace = new Pace({ perSecond: 1000, burst: 100 }, { now: () => nowMs })
  const took = async (tokens: number): Promise<number> => {
    const fromMs = performance.now()
    await pace.take(tokens)
    return performance.now() - fromMs
  }
  await pace.take(100)
  // Timers may be a millisecond early.
  t.ok((await took(50)) >= 49, '50 more take 50 ms')
  nowMs += 50
  t.ok((await took(40)) >= 39, 'which were paid for')
  nowMs += 10_000
  await pace.take(100)
  t.ok((await took(30)) >= 29, 'a long rest saves up no more than the burst')
})

t.test('ends waiting where nobody waits any more', async t => {
  const pace = new Pace({ perSecond: 1, burst: 1 }, { now: () => 0 })
  const over = new AbortController()
  const waiting = pace.take(1000, { signal: over.signal })
  over.abort()
  await t.rejects(waiting, { name: 'AbortError' })
})
