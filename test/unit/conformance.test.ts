import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { definePlugin, HEALTHY, provide, token } from '../../core/api.ts'
import { pluginConformance } from '../conformance/plugin.ts'

const program = fileURLToPath(new URL('../fixtures/plugins/bad-citizens.ts', import.meta.url))

/** What the suite says of a bad plugin: the titles of the tests that fail, and all of its output. */
async function judge(plugin: string) {
  const output = await new Promise<string>(resolve => {
    execFile(process.execPath, [program, plugin], (_error, stdout) => resolve(stdout))
  })
  const failed = [...output.matchAll(/^ {4}not ok \d+ - (.*?) #/gm)].map(([, title]) => title)
  return { failed, output }
}

t.test('the suite tells what is careless', async t => {
  const { failed, output } = await judge('careless')
  t.strictSame(failed, [
    'its manifest is sound',
    'its schema says what each key is for and what it takes',
    'its metrics are named and explained',
    'it registers without I/O',
    'it starts with only what it requires',
    'it starts beside what it wants, and starts again in the same node',
    'its health is told at once, at any time',
    'it stops twice',
    'it stops after a start that the network refused',
  ])
  for (const sentence of [
    'the name "Careless_One" isn\'t kebab-case',
    'the version "v1" isn\'t semantic (https://semver.org)',
    "provides has Symbol(x), which token() didn't make",
    'storage is in requires and in wants',
    'the doc of limit isn\'t a sentence: "Limit"',
    'limit has no unit: what does the number count?',
    'limit has no range: give it a min and a max',
    'the help of metric hits isn\'t a sentence: "Hits"',
    'metric hits is a counter: counters, and only they, end in _total',
    'metric hits has the label peer, whose values have no end',
    'Timeout',
    'network.handle',
    'start() failed: nobody provides events',
  ]) {
    t.ok(output.replaceAll('\\"', '"').includes(sentence), sentence)
  }
})

t.test('the suite tells what is clumsy', async t => {
  const { failed, output } = await judge('clumsy')
  t.strictSame(failed, [
    'its health is told at once, at any time',
    'it stops twice',
    'it stops in the midst of its start',
  ])
  t.match(output, 'already stopped')
  t.match(output.replaceAll(/\s+/g, ' '), /Timeout at Object\.start \(file:\S+bad-citizens\.ts:/)
  t.match(output, 'health() gives a promise: it must answer at once')
})

const Weather = token<{ isRaining(): boolean }>('weather')
const Umbrella = token<{ isOpen: boolean }>('umbrella')

/** Needs another plugin's service, of which the core knows nothing. */
pluginConformance(t, {
  plugin: definePlugin({
    manifest: { name: 'umbrella', version: '1.0.0', requires: [Weather], wants: [], provides: [Umbrella] },
    schema: {},
    metrics: () => undefined,
    register(container) {
      provide(container, Umbrella, { isOpen: false })
      return { start: async () => {}, stop: async () => {}, health: () => HEALTHY }
    },
  }),
  services: [[Weather, { isRaining: () => true }]],
})
