import { parentPort } from 'node:worker_threads'
import type { CID } from 'multiformats/cid'
import { announced, FLEET, type RoutedNode, startFleet } from '../unit/routing/fixture.ts'

const NODES = 30
const LEAVING = 10
const PARALLEL = 4

/** What a worker with 30 nodes found: of each part, the pairs of seeker and holder where the holder was not found. */
export interface DhtFindings {
  /** Every record from every node. */
  readonly all: readonly string[]
  /** The records of those that stayed, from each of them. */
  readonly afterLeaving: readonly string[]
  /** What was announced since. */
  readonly late: readonly string[]
  /** Look-ups made. */
  readonly lookups: number
}

interface Held {
  readonly cid: CID
  readonly holder: RoutedNode
}

let lookups = 0

/** All nodes share a process, so few seek at a time. */
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
  lookups += 1
  for await (const { peer, source } of seeker.routing.router.findProviders(cid)) {
    if (peer.equals(holder.port.self) && source === 'dht') return true
  }
  return false
}

async function findings(nodes: readonly RoutedNode[]): Promise<DhtFindings> {
  const held = await Promise.all(nodes.map(async holder => ({ cid: await holder.pin(), holder })))
  await Promise.all(nodes.map(node => announced(node, 1)))
  const all = await missed(nodes, held)

  const leaving = nodes.slice(NODES - LEAVING)
  await Promise.all(leaving.map(node => node.stop()))
  const staying = nodes.slice(0, NODES - LEAVING)
  const left = held.filter(({ holder }) => staying.includes(holder))
  const afterLeaving = await missed(staying, left)

  const [first] = staying as [RoutedNode]
  const since = { cid: await first.pin(), holder: first }
  await announced(first, 2)
  return { all, afterLeaving, late: await missed(staying, [since]), lookups }
}

const ends: (() => unknown)[] = []
const test = { teardown: (end: () => unknown) => void ends.push(end) }
try {
  const nodes = await startFleet(test, NODES, { ...FLEET, lookup: { timeoutMs: 60_000 } })
  parentPort?.postMessage(await findings(nodes))
} finally {
  for (const end of ends.reverse()) await end()
}
