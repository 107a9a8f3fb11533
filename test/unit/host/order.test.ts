import fc from 'fast-check'
import t from 'tap'
import { type Token, token } from '../../../core/container.ts'
import { planStart } from '../../../core/host/order.ts'
import type { PluginManifest } from '../../../core/plugin.ts'

const none = () => false

function plugin(name: string, { requires = '', wants = '', provides = name } = {}) {
  const tokens = (names: string): Token<unknown>[] => names.split(' ').filter(Boolean).map(token)
  const manifest: PluginManifest = {
    name,
    version: '1.0.0',
    requires: tokens(requires),
    wants: tokens(wants),
    provides: tokens(provides),
  }
  return { manifest }
}

const names = (plan: { order: readonly { manifest: PluginManifest }[] }) =>
  plan.order.map(({ manifest }) => manifest.name)

t.test('dependencies come first, ties by name', async t => {
  const plugins = [
    plugin('gateway', { requires: 'exchange', wants: 'cache' }),
    plugin('exchange', { requires: 'routing' }),
    plugin('monitoring'),
    plugin('cache'),
    plugin('routing'),
  ]
  t.strictSame(names(planStart(plugins, none)), ['cache', 'routing', 'exchange', 'gateway', 'monitoring'])
})

t.test('a token that nobody provides is no problem of the plan', async t => {
  const plan = planStart([plugin('a', { requires: 'nothing', wants: 'nobody' })], none)
  t.strictSame(names(plan), ['a'])
  t.strictSame(plan.problems, [])
})

t.test('a cycle is told as a path from its first name, whoever is visited first', async t => {
  const cycle = [
    plugin('hub', { requires: 'c' }),
    plugin('b', { requires: 'c' }),
    plugin('c', { wants: 'd' }),
    plugin('d', { requires: 'b' }),
  ]
  for (const plugins of [cycle, cycle.toReversed()]) {
    const plan = planStart(plugins, none)
    t.strictSame(plan.problems, ['cycle: b -> c -> d -> b'])
    t.strictSame(plan.order, [])
  }
  t.strictSame(planStart([plugin('self', { requires: 'self' })], none).problems, ['cycle: self -> self'])
})

t.test('all problems are told together', async t => {
  const plugins = [
    plugin('a', { requires: 'b' }),
    plugin('b', { requires: 'a' }),
    plugin('c', { wants: 'd' }),
    plugin('d', { wants: 'c' }),
    plugin('sieve', { provides: 'cache' }),
    plugin('lru', { provides: 'cache storage' }),
    plugin('twin', { provides: '' }),
    plugin('twin', { provides: '' }),
  ]
  t.strictSame(planStart(plugins, wanted => wanted === token('storage')).problems, [
    '2 plugins are named twin',
    'cache is provided by lru and by sieve',
    'cycle: a -> b -> a',
    'cycle: c -> d -> c',
    'storage is provided by the core and by lru',
  ])
})

/** Any graph without cycles: an edge leads only to a plugin with a lower index, and names hide the index. */
const dags = fc
  .uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 12 })
  .chain(ids =>
    fc.tuple(
      ...ids.map((id, index) =>
        fc
          .tuple(fc.subarray(ids.slice(0, index)), fc.subarray(ids.slice(0, index)))
          .map(([requires, wants]) => plugin(id, { requires: requires.join(' '), wants: wants.join(' ') })),
      ),
    ),
  )

t.test(
  'property: any graph without cycles is put in an order that holds, the same from any input order',
  async t => {
    fc.assert(
      fc.property(
        dags.chain(plugins =>
          fc.tuple(fc.constant(plugins), fc.shuffledSubarray(plugins, { minLength: plugins.length })),
        ),
        ([plugins, shuffled]) => {
          const order = names(planStart(plugins, none))
          t.equal(order.length, plugins.length)
          for (const { manifest } of plugins) {
            for (const needed of [...manifest.requires, ...manifest.wants]) {
              const provider = plugins.find(other => other.manifest.provides.includes(needed))
              const providerAt = order.indexOf(provider?.manifest.name ?? '')
              if (providerAt >= order.indexOf(manifest.name)) return false
            }
          }
          return names(planStart(shuffled, none)).join() === order.join()
        },
      ),
      { numRuns: 300 },
    )
  },
)

t.test('property: a graph whose edges close a ring has a cycle reported, each step of it real', async () => {
  fc.assert(
    fc.property(
      dags.filter(plugins => plugins.length > 1),
      plugins => {
        const ring = plugins.map((each, index) => {
          const { name } = each.manifest
          const next = plugins[(index + 1) % plugins.length]?.manifest.name
          return plugin(name, { requires: next })
        })
        const [problem] = planStart(ring, none).problems
        const path = problem?.replace('cycle: ', '').split(' -> ') ?? []
        const isEdge = (from: string, to: string) =>
          ring.some(({ manifest }) => manifest.name === from && manifest.requires.includes(token(to)))
        return (
          path.length === plugins.length + 1 &&
          path[0] === path.at(-1) &&
          path.slice(1).every((name, index) => isEdge(path[index] ?? '', name))
        )
      },
    ),
  )
})
