import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { DialPace } from '../../../core/network/dial-pace.ts'
import { startNode } from './nodes.ts'

/** A clock on which a wait takes no time. */
function create(perSecond: number) {
  const time = { nowMs: 0, waits: 0 }
  const clock = {
    now: () => time.nowMs,
    async delay(ms: number, signal: AbortSignal) {
      await nextTurn()
      signal.throwIfAborted()
      time.nowMs += ms
    },
  }
  return { pace: new DialPace({ perSecond }, { clock, onWait: () => time.waits++ }), time }
}

t.test('no second has more than the rate allows, and all begin in the order they came', async () => {
  const arrivals = fc.array(fc.nat(400), { minLength: 1, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 10 }), arrivals, async (perSecond, gaps) => {
      const { pace, time } = create(perSecond)
      const begun: { readonly at: number; readonly ms: number }[] = []
      const all: Promise<unknown>[] = []
      for (const [at, gap] of gaps.entries()) {
        // Some come together.
        if (at % 3 === 0) await nextTurn()
        if (at % 3 === 0) time.nowMs += gap
        all.push(pace.turn().then(() => begun.push({ at, ms: time.nowMs })))
      }
      await Promise.all(all)
      const isOrdered = begun.every(({ at }, place) => at === place)
      const isPaced = begun.every(({ ms }, at) => (begun[at + perSecond]?.ms ?? Infinity) - ms >= 1000)
      return isOrdered && isPaced && pace.waiting === 0
    }),
    { numRuns: 50 },
  )
})

t.test('whoever gives up makes room for the next', async t => {
  const { pace, time } = create(1)
  await pace.turn()
  const cancel = new AbortController()
  const tired = pace.turn(cancel.signal)
  const patient = pace.turn()
  t.equal(pace.waiting, 2)
  cancel.abort(new Error('never mind'))
  await t.rejects(tired, { message: 'never mind' })
  await patient
  t.equal(time.nowMs, 1000)
  t.equal(time.waits, 2)
  await t.rejects(pace.turn(cancel.signal), { message: 'never mind' })
})

t.test('a stop turns everybody away', async t => {
  const { pace } = create(1)
  await pace.turn()
  const waiting = pace.turn()
  pace.stop()
  await t.rejects(waiting, { code: 'NETWORK_STOPPED' })
  await t.rejects(pace.turn(), { code: 'NETWORK_STOPPED' })
})

t.test('dials of a node keep to it, also those that libp2p begins, and none fails for it', async t => {
  const perSecond = 3
  const node = await startNode(t, { maxDialsPerSecond: perSecond, dialTimeoutMs: 10_000 })
  const others = await Promise.all(Array.from({ length: 8 }, () => startNode(t)))
  const begunMs: number[] = []
  node.network.gate.add({
    denyOutboundConnection() {
      begunMs.push(performance.now())
      return false
    },
  })
  const { parts } = await node.port.attach('parts', (components: never) => ({ parts: components as Parts }))
  const [first, ...rest] = others.map(other => other.port.addresses())
  await Promise.all([
    parts.connectionManager.openConnection(first),
    ...rest.map(addresses => node.port.dial(addresses)),
  ])
  t.equal(begunMs.length, others.length)
  begunMs.sort((a, b) => a - b)
  // A connect on the loopback takes no time to speak of, but one may take a little longer than another.
  for (const [at, ms] of begunMs.entries()) {
    const next = begunMs[at + perSecond]
    if (next !== undefined) t.ok(next - ms > 500, `${perSecond} within ${next - ms} ms`)
  }
  t.match(await node.metrics.text(), /delayed_dials_total [1-9]/)
})

interface Parts {
  readonly connectionManager: { openConnection(addresses: unknown): Promise<unknown> }
}
