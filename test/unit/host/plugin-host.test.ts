import t from 'tap'
import { find, provide, token, use } from '../../../core/container.ts'
import { defineErrors } from '../../../core/errors.ts'
import { createHarness } from './harness.ts'

const Cache = token<{ from: string }>('cache')
const Exchange = token<{ from: string }>('exchange')
const Disk = token<{ from: string }>('disk')

t.test('plugins register, start and stop in the order of what they need', async t => {
  const { host, boot, journal, states } = createHarness(
    [
      { name: 'gateway', requires: [Exchange], wants: [Cache] },
      { name: 'exchange', requires: [Disk], provides: [Exchange] },
      { name: 'cache', provides: [Cache] },
    ],
    { core: [Disk], disabled: ['extra'] },
  )
  await boot()
  t.strictSame(states(), { cache: 'running', exchange: 'running', gateway: 'running', extra: 'disabled' })
  t.ok(host.report().ok)
  await host.stopAll()
  t.strictSame(journal, [
    ...['cache registers', 'exchange registers', 'gateway registers'],
    ...['cache starts', 'exchange starts', 'gateway starts'],
    ...['gateway stops', 'exchange stops', 'cache stops'],
  ])
  t.strictSame(states(), { cache: 'stopped', exchange: 'stopped', gateway: 'stopped', extra: 'disabled' })
})

t.test('what does not fit together is told at once, before anything registers', async t => {
  const { host, journal } = createHarness([
    { name: 'a', requires: [Exchange], provides: [Cache] },
    { name: 'b', requires: [Cache], provides: [Exchange] },
    { name: 'c', provides: [Exchange] },
  ])
  await t.rejects(host.registerAll(), {
    code: 'PLUGINS_CONFLICT',
    message: /\n {2}cycle: a -> b -> a\n {2}exchange is provided by b and by c$/,
  })
  t.strictSame(journal, [])
})

t.test('isolation', async t => {
  const Secret = token<string>('secret')

  t.test('others see what a plugin promised, from its start on, and nothing else', async t => {
    const seen: Record<string, unknown> = {}
    const { container, boot, host } = createHarness([
      {
        name: 'cache',
        provides: [Cache],
        steps: (_context, own) => {
          provide(own, Secret, 'mine')
          return {
            async start() {
              seen.duringStart = find(container, Cache)
            },
          }
        },
      },
      {
        name: 'gateway',
        requires: [Cache],
        steps: (_context, own) => ({
          async start() {
            seen.cache = use(own, Cache).from
            seen.secret = find(own, Secret)
          },
        }),
      },
    ])
    await boot()
    t.strictSame(seen, { duringStart: undefined, cache: 'cache', secret: undefined })
    t.throws(() => use(container, Secret), { code: 'SERVICE_ABSENT', message: 'nobody provides secret' })
    await host.stopAll()
    t.equal(find(container, Cache), undefined, 'a stopped plugin is no longer found')
  })

  t.test('two plugins may keep different things under one token', async t => {
    const seen: string[] = []
    const keeps = (name: string) => ({
      name,
      steps: (_context: unknown, own: Parameters<typeof provide>[0]) => {
        provide(own, Secret, name)
        return {
          async start() {
            seen.push(use(own, Secret))
          },
        }
      },
    })
    const { boot } = createHarness([keeps('a'), keeps('b')])
    await boot()
    t.strictSame(seen, ['a', 'b'])
  })
})

t.test('a plugin that fails', async t => {
  const broken = () => {
    throw new Error('disk on fire')
  }
  const wreck = { name: 'cache', provides: [Cache] }
  const dependents = [
    { name: 'gateway', requires: [Cache] },
    { name: 'sync', wants: [Cache] },
  ]

  for (const [stage, recipe, reason] of [
    ['validate', { ...wreck, validate: broken }, 'disk on fire'],
    ['metrics', { ...wreck, metrics: broken }, 'disk on fire'],
    ['register', { ...wreck, beforeRegister: broken }, 'disk on fire'],
    ['start', { ...wreck, steps: () => ({ start: broken }) }, 'start() failed: disk on fire'],
    ['provides', { ...wreck, withholds: [Cache] }, 'promised cache and did not provide it'],
  ] as const) {
    t.test(`in ${stage}: its dependents are blocked, who merely wants it runs`, async t => {
      const { boot, states, reasonOf, host, journal, metrics, released } = createHarness([
        recipe,
        ...dependents,
      ])
      await boot()
      t.strictSame(states(), { cache: 'failed', gateway: 'blocked', sync: 'running' })
      t.equal(reasonOf('cache'), reason)
      t.equal(reasonOf('gateway'), 'needs cache')
      t.notOk(host.report().ok)
      t.notOk(journal.includes('gateway starts'))
      const text = await metrics.text()
      t.notMatch(text, /skep_cache_|skep_gateway_/, 'its metrics are gone')
      t.match(text, 'skep_sync_calls_total')
      const started = stage === 'start' || stage === 'provides'
      t.equal(journal.includes('cache stops'), started)
      t.strictSame(released, started ? ['cache', 'gateway'] : stage === 'register' ? ['cache'] : [])
      await host.stopAll()
      t.equal(
        journal.filter(line => line === 'cache stops').length,
        started ? 1 : 0,
        'it is not stopped again',
      )
    })
  }

  t.test('is no longer found, and neither is what it registered', async t => {
    const { boot, container, contexts } = createHarness([{ ...wreck, steps: () => ({ start: broken }) }])
    await boot()
    t.equal(find(container, Cache), undefined)
    t.ok(contexts.get('cache')?.signal.aborted)
  })

  t.test('gives the fix of its own error', async t => {
    const diskError = defineErrors({ DISK_HOT: 'Put the fire out.' })
    const { boot, host } = createHarness([
      {
        ...wreck,
        steps: () => ({
          async start() {
            throw diskError('DISK_HOT', 'disk at 400 degrees')
          },
        }),
      },
    ])
    await boot()
    t.match(host.report().plugins, [
      { reason: 'start() failed: disk at 400 degrees', fix: 'Put the fire out.' },
    ])
  })

  t.test('also where register() returns nothing to start', async t => {
    const { boot, reasonOf } = createHarness([
      { name: 'odd', steps: () => ({ start: undefined, stop: undefined, health: 'fine' as never }) },
    ])
    await boot()
    t.equal(reasonOf('odd'), 'register() gave no start(), stop() and health()')
  })

  t.test('does so through all that require it', async t => {
    const { boot, states, reasonOf, journal } = createHarness([
      { ...wreck, beforeRegister: broken },
      { name: 'exchange', requires: [Cache], provides: [Exchange] },
      { name: 'gateway', requires: [Exchange, Disk] },
    ])
    await boot()
    t.strictSame(states(), { cache: 'failed', exchange: 'blocked', gateway: 'blocked' })
    t.equal(reasonOf('gateway'), 'needs exchange, disk')
    t.strictSame(journal, ['cache registers'], 'what can not run is not even registered')
  })
})

t.test('what nobody provides blocks, and the fix says who could', async t => {
  const plugins = [
    { name: 'cache', requires: [Disk], provides: [Cache] },
    { name: 'gateway', requires: [Cache] },
  ]
  const { boot, host } = createHarness(plugins, { disabled: ['disk'] })
  await boot()
  const { text } = host.report()
  t.match(text, 'Enable or install a plugin that provides disk. Disabled: disk.')
  t.match(text, 'Mend plugin cache first: it provides cache.')
  t.match(text, /disabled +disk$/)
})

t.test('onFailure: abort', async t => {
  const failing = () => ({
    async start() {
      throw new Error('no disk')
    },
  })

  t.test('stops what started and throws the report', async t => {
    const { host, boot, journal } = createHarness([
      { name: 'cache', provides: [Cache] },
      { name: 'exchange', wants: [Cache], provides: [Exchange], steps: failing, onFailure: 'abort' },
      { name: 'gateway', requires: [Exchange] },
    ])
    await t.rejects(boot(), {
      code: 'BOOT_ABORTED',
      message: /failed +exchange 1\.0\.0 +start\(\) failed: no disk/,
    })
    t.strictSame(journal.slice(3), [
      ...['cache starts', 'exchange starts', 'exchange stops', 'gateway stops', 'cache stops'],
    ])
    await host.stopAll()
    t.equal(journal.length, 8, 'nothing is stopped twice')
  })

  t.test('a plugin that failed to register keeps the others from starting', async t => {
    const { boot, journal } = createHarness([
      { name: 'a' },
      {
        name: 'b',
        onFailure: 'abort',
        beforeRegister: () => {
          throw new Error('bad key')
        },
      },
    ])
    await t.rejects(boot(), { code: 'BOOT_ABORTED' })
    t.strictSame(journal, ['a registers', 'b registers', 'a stops'])
  })

  t.test('holds for a plugin that is blocked, too', async t => {
    const { boot } = createHarness([{ name: 'gateway', requires: [Cache], onFailure: 'abort' }])
    await t.rejects(boot(), { code: 'BOOT_ABORTED', message: /blocked +gateway 1\.0\.0 +needs cache/ })
  })
})

t.test('health', async t => {
  t.test("is the plugin's own while it runs, and says what goes wrong with asking", async t => {
    const { host } = createHarness([
      { name: 'fine' },
      { name: 'liar', steps: () => ({ health: (async () => ({ status: 'ok' })) as never }) },
      { name: 'slow', steps: () => ({ health: () => ({ status: 'degraded', reason: 'no peers' }) }) },
      {
        name: 'thrower',
        steps: () => ({
          health() {
            throw new Error('not now')
          },
        }),
      },
    ])
    const health = () => Object.fromEntries(host.statuses().map(status => [status.name, status.health]))
    await host.registerAll()
    t.strictSame(health().fine, { status: 'degraded', reason: 'registered' })
    await host.startAll({ signal: new AbortController().signal })
    t.strictSame(health(), {
      fine: { status: 'ok' },
      liar: { status: 'failed', reason: 'health() gave no status' },
      slow: { status: 'degraded', reason: 'no peers' },
      thrower: { status: 'failed', reason: 'health() failed: not now' },
    })
  })

  t.test('shows a background loop that fails, beside what the plugin says', async t => {
    const { boot, host, clock, journal } = createHarness([
      {
        name: 'cache',
        steps: context => ({
          async start() {
            context.supervise('evict', async () => {
              throw new Error('stuck')
            })
          },
          health: () => ({ status: 'degraded', reason: 'full' }),
        }),
      },
    ])
    await boot()
    await clock.advance(0)
    const [status] = host.statuses()
    t.strictSame(status?.loops, [{ name: 'evict', state: 'waiting', restarts: 0 }])
    t.strictSame(status?.health, {
      status: 'degraded',
      reason: 'full; loop evict failed and will be tried again: stuck',
    })
    await host.stopAll()
    t.strictSame(clock.sleeping(), [])
    t.strictSame(journal.at(-1), 'cache stops')
  })

  t.test('a loop asked for in register() is refused', async t => {
    const { boot, reasonOf } = createHarness([
      {
        name: 'hasty',
        steps: context => {
          context.supervise('early', async () => {})
          return {}
        },
      },
    ])
    await boot()
    t.equal(reasonOf('hasty'), 'loop early was asked for in register(): loops begin in start()')
  })
})
