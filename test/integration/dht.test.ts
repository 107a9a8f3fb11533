import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { DhtFindings } from '../helpers/dht-fleet.ts'

// In a thread of its own: tap follows every promise of its thread, which costs as much as the network of all nodes.
t.test('30 nodes: each finds what any of them provides, and still does when 10 have left', async t => {
  const worker = new Worker(new URL('../helpers/dht-fleet.ts', import.meta.url))
  const ended = once(worker, 'exit')
  const [{ all, afterLeaving, late, lookups }]: [DhtFindings] = (await once(worker, 'message')) as never
  t.same(all, [], 'every record from every node')
  t.same(afterLeaving, [], 'every record of those who stayed, from each of them')
  t.same(late, [], 'and what is new since')
  t.equal(lookups, 30 * 29 + 20 * 19 + 19, 'each of them looked for')
  t.same(await ended, [0])
})
