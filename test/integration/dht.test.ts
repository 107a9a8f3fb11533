import type { CID } from 'multiformats/cid'
import t from 'tap'
import { announced, FLEET, type RoutedNode, startFleet } from '../unit/routing/fixture.ts'

const NODES = 30
const LEAVING = 10
const PARALLEL = 4

interface Held {
  readonly cid: CID
  readonly holder: RoutedNode
}

/** The pairs of seeker and block where the holder was not found. All nodes share a process, so few seek at a time. */
async function missed(seekers: readonly RoutedNode[], all: readonly Held[]): Promise<string[]> {
  const missing: string[] = []
  const waiting = [...seekers]
  const seekNext = async (): Promise<void> => {
    for (let seeker = waiting.shift(); seeker; seeker = waiting.shift()) {
      for (const { cid, holder } of all) {
        if (holder === seeker || (await finds(seeker, cid, holder))) continue
        missing.push(`${seeker.id}: ${holder.id}`)
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, seekNext))
  return missing
}

async function finds(seeker: RoutedNode, cid: CID, holder: RoutedNode): Promise<boolean> {
  for await (const { peer, source } of seeker.routing.router.findProviders(cid)) {
    if (peer.equals(holder.port.self) && source === 'dht') return true
  }
  return false
}

t.test('30 nodes: each finds what any of them provides, and still does when 10 have left', async t => {
  const nodes = await startFleet(t, NODES, { ...FLEET, lookup: { timeoutMs: 60_000 } })
  const held = await Promise.all(nodes.map(async holder => ({ cid: await holder.pin(), holder })))
  await Promise.all(nodes.map(node => announced(node, 1)))
  t.same(await missed(nodes, held), [], 'every record from every node')

  const leaving = nodes.slice(NODES - LEAVING)
  await Promise.all(leaving.map(node => node.stop()))
  const staying = nodes.slice(0, NODES - LEAVING)
  const left = held.filter(({ holder }) => staying.includes(holder))
  t.same(await missed(staying, left), [], 'every record of those who stayed, from each of them')

  const late = { cid: await (staying[0] as RoutedNode).pin(), holder: staying[0] as RoutedNode }
  await announced(late.holder, 2)
  t.same(await missed(staying, [late]), [], 'and what is new since')
})
