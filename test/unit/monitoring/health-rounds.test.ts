import t from 'tap'
import { HealthRounds, type ProbeResult } from '../../../plugins/monitoring/health-rounds.ts'
import type { Outcome, Probe } from '../../../plugins/monitoring/probes.ts'

function createRounds(probes: readonly Probe[], options: { cacheMs?: number; probeTimeoutMs?: number } = {}) {
  const clock = { nowMs: 0 }
  const stopping = new AbortController()
  const results: ProbeResult[] = []
  const rounds = new HealthRounds(
    { cacheMs: 1000, probeTimeoutMs: 60_000, ...options },
    {
      probes,
      nowMs: () => clock.nowMs,
      signal: stopping.signal,
      onResult: result => results.push(result),
    },
  )
  return { rounds, clock, stopping, results }
}

/** A probe that ends when it is told to. */
function createGate(name = 'gate') {
  const gate = { runs: 0, open: Promise.withResolvers<Outcome>() }
  const probe: Probe = {
    name,
    run() {
      gate.runs += 1
      return gate.open.promise
    },
  }
  return { gate, probe }
}

t.test('requests at the same time share a round, and its result is good for a moment', async t => {
  const { gate, probe } = createGate()
  const { rounds, clock, results } = createRounds([probe])
  const asked = Array.from({ length: 100 }, () => rounds.check())
  clock.nowMs = 7
  gate.open.resolve({ status: 'ok' })
  const answers = await Promise.all(asked)
  t.equal(new Set(answers).size, 1)
  t.same(answers[0], { status: 'ok', probes: [{ name: 'gate', status: 'ok', durationMs: 7 }] })
  clock.nowMs = 1006
  await rounds.check()
  t.equal(gate.runs, 1)
  clock.nowMs = 1007
  await rounds.check()
  t.equal(gate.runs, 2)
  t.equal(results.length, 2)
})

t.test('the worst probe decides; one that throws has failed', async t => {
  const say = (outcome: Outcome, name: string = outcome.status): Probe => ({ name, run: async () => outcome })
  const thrower: Probe = {
    name: 'thrower',
    async run() {
      throw new Error('disk on fire')
    },
  }
  const ok = say({ status: 'ok' })
  const degraded = say({ status: 'degraded', reason: 'limps' })
  t.equal((await createRounds([ok, say({ status: 'ok' }, 'another')]).rounds.check()).status, 'ok')
  t.equal((await createRounds([degraded, ok]).rounds.check()).status, 'degraded')
  const { status, probes } = await createRounds([ok, thrower, degraded]).rounds.check()
  t.equal(status, 'failed')
  t.match(probes[1], { name: 'thrower', status: 'failed', reason: 'disk on fire' })
})

t.test('a probe that takes too long fails, is told so, and is not started again before it ends', async t => {
  const { gate, probe } = createGate()
  let aborted = false
  const heeding: Probe = {
    name: 'heeding',
    run: signal =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true
          reject(signal.reason)
        })
      }),
  }
  const { rounds } = createRounds([probe, heeding], { probeTimeoutMs: 10, cacheMs: 0 })
  const first = await rounds.check()
  t.match(first, {
    status: 'failed',
    probes: [{ reason: 'took longer than 10 ms' }, { reason: 'took longer than 10 ms' }],
  })
  t.ok(aborted)
  const second = await rounds.check()
  t.match(second.probes[0], { status: 'failed', reason: 'its last run has not ended yet' })
  t.equal(gate.runs, 1)
  gate.open.resolve({ status: 'ok' })
  await gate.open.promise
  t.match((await rounds.check()).probes[0], { status: 'ok' })
  t.equal(gate.runs, 2)
})

t.test('stopping ends the round', async t => {
  const { probe } = createGate()
  const { rounds, stopping } = createRounds([probe])
  const round = rounds.check()
  stopping.abort(new Error('the node is stopping'))
  t.match(await round, { status: 'failed', probes: [{ reason: 'the node is stopping' }] })
})
