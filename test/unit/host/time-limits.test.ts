import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { token } from '../../../core/container.ts'
import { createHarness, START_TIMEOUT_MS, STOP_TIMEOUT_MS } from './harness.ts'

const Cache = token('cache')
const never = () => new Promise<never>(() => {})

t.test('a plugin that does not start in time has failed, by name', async t => {
  const { boot, clock, states, host, journal } = createHarness([
    { name: 'cache', provides: [Cache], steps: () => ({ start: never }) },
    { name: 'gateway', requires: [Cache] },
    { name: 'sync' },
  ])
  const booted = boot()
  await turn()
  t.strictSame(states(), { cache: 'starting', gateway: 'registered', sync: 'registered' })
  t.strictSame(clock.sleeping(), [START_TIMEOUT_MS])
  await clock.advance(START_TIMEOUT_MS)
  t.notOk(journal.includes('cache stops'), 'it is given time to heed its signal')
  await clock.advance(STOP_TIMEOUT_MS)
  await booted
  t.strictSame(states(), { cache: 'failed', gateway: 'blocked', sync: 'running' })
  t.match(host.report().text, /failed +cache 1\.0\.0 +start\(\) took longer than 30000 ms/)
  t.ok(journal.includes('cache stops'), 'half a start is stopped')
  t.strictSame(clock.sleeping(), [], 'no timer stays')
})

t.test('stop() waits for a start that is under way, so that it finds all that was opened', async t => {
  const { boot, clock, journal, states } = createHarness([
    {
      name: 'late',
      steps: ({ signal }) => ({
        async start() {
          await new Promise(resolve => signal.addEventListener('abort', resolve))
          await turn()
          journal.push('late has started')
        },
      }),
    },
  ])
  const booted = boot()
  await turn()
  await clock.advance(START_TIMEOUT_MS)
  await booted
  t.strictSame(journal.slice(1), ['late starts', 'late has started', 'late stops'])
  t.strictSame(states(), { late: 'failed' }, 'a start that succeeds too late is a failure all the same')
})

t.test('a start that ends when nobody waits any more changes nothing', async t => {
  let finish = () => {}
  const { boot, clock, states } = createHarness([
    {
      name: 'late',
      steps: () => ({
        start: () =>
          new Promise<void>(resolve => {
            finish = resolve
          }),
      }),
    },
  ])
  const booted = boot()
  await turn()
  await clock.advance(START_TIMEOUT_MS)
  await clock.advance(STOP_TIMEOUT_MS)
  await booted
  finish()
  await turn()
  t.strictSame(states(), { late: 'failed' })
})

t.test('stopping reaches every plugin, whatever the others do, and tells all that went wrong', async t => {
  const { boot, host, clock, journal, released, metrics } = createHarness([
    { name: 'a' },
    {
      name: 'b',
      steps: () => ({
        async stop() {
          throw new Error('stuck door')
        },
      }),
    },
    { name: 'c', steps: () => ({ stop: never }) },
    {
      name: 'd',
      steps: context => ({
        async start() {
          context.supervise('deaf', never)
        },
      }),
    },
  ])
  await boot()
  const stopped = host.stopAll()
  const rejected = t.rejects(stopped, {
    code: 'PLUGINS_NOT_STOPPED',
    message: [
      'not every plugin stopped cleanly',
      'plugin d: ending its loops (deaf) took longer than 10000 ms',
      'plugin c: stop() took longer than 10000 ms',
      'plugin b: stop() failed: stuck door',
    ].join('\n  '),
    cause: {
      errors: [
        { code: 'PLUGIN_STOP_TIMEOUT' },
        { code: 'PLUGIN_STOP_TIMEOUT' },
        { code: 'PLUGIN_STOP_FAILED' },
      ],
    },
  })
  await turn()
  await clock.advance(STOP_TIMEOUT_MS)
  await clock.advance(STOP_TIMEOUT_MS)
  await rejected
  t.strictSame(journal.slice(-4), ['d stops', 'c stops', 'b stops', 'a stops'])
  t.strictSame(released, ['d', 'c', 'b', 'a'])
  t.notMatch(await metrics.text(), 'skep_')
  t.equal(host.stopAll(), stopped, 'a second stop is the first')
})

t.test('stopping twice stops once', async t => {
  const { boot, host, journal } = createHarness([{ name: 'a' }])
  await boot()
  await Promise.all([host.stopAll(), host.stopAll()])
  await host.stopAll()
  t.strictSame(journal, ['a registers', 'a starts', 'a stops'])
})

t.test('what was only registered is stopped, too', async t => {
  const { host, journal, released } = createHarness([{ name: 'a' }])
  await host.registerAll()
  await host.stopAll()
  t.strictSame(journal, ['a registers', 'a stops'])
  t.strictSame(released, ['a'])
})

t.test('a boot that is cut short', async t => {
  const hanging = () =>
    createHarness([
      { name: 'a' },
      {
        name: 'b',
        steps: ({ signal }) => ({
          start: () =>
            new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        }),
      },
      { name: 'c' },
    ])
  const journalAfter = ['a starts', 'b starts', 'c stops', 'b stops', 'a stops']

  t.test('by its signal: all is stopped, and the reason thrown', async t => {
    const { host, journal, states, clock } = hanging()
    const abort = new AbortController()
    await host.registerAll()
    const started = host.startAll({ signal: abort.signal })
    await turn()
    abort.abort(new Error('power button'))
    await t.rejects(started, { message: 'power button' })
    t.strictSame(journal.slice(3), journalAfter)
    t.strictSame(states(), { a: 'stopped', b: 'stopped', c: 'stopped' })
    t.strictSame(clock.sleeping(), [])
  })

  t.test('by stopAll: the boot ends first, and each plugin is stopped once', async t => {
    const { host, journal, boot } = hanging()
    const booted = t.rejects(boot(), { name: 'AbortError' })
    await turn()
    await host.stopAll()
    await booted
    t.strictSame(journal.slice(3), journalAfter)
  })

  t.test('before it begins: nothing starts', async t => {
    const { host, journal } = hanging()
    await host.registerAll()
    await t.rejects(host.startAll({ signal: AbortSignal.abort() }), { name: 'AbortError' })
    t.notOk(journal.some(line => line.endsWith('starts')))
  })
})
