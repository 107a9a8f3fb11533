import { pino } from 'pino'
import t, { type Test } from 'tap'
import { type ConfigChanges, FLEET, type RoutedOptions, startRouting } from './fixture.ts'

const AMINO: ConfigChanges = { dht: { network: 'amino', mode: 'client' } }
const DELEGATED: ConfigChanges = { delegated: ['https://delegated.example'] }
const PRIVATE = { swarmKey: Buffer.alloc(32, 7) }

/** What a node with that config warns of at its start. */
async function warnings(t: Test, config: ConfigChanges, options: RoutedOptions = {}): Promise<string[]> {
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: line => void lines.push(JSON.parse(line).msg) })
  const node = await startRouting(t, { config, ...options, log })
  await node.stop()
  return lines
}

t.test('in a private network, what is of the public one is warned of', async t => {
  t.match(await warnings(t, AMINO, PRIVATE), [/^routing\.dht\.network is amino/])
  t.match(await warnings(t, DELEGATED, PRIVATE), [/^routing\.delegated tells its servers/])
  t.equal((await warnings(t, { ...AMINO, ...DELEGATED }, PRIVATE)).length, 2)
  t.same(await warnings(t, FLEET, PRIVATE), [])
  t.same(await warnings(t, {}, PRIVATE), [])
})

t.test('elsewhere there is nothing to warn of', async t => {
  t.same(await warnings(t, DELEGATED), [])
  t.same(await warnings(t, FLEET), [])
})
