import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { QueryEvent } from '@libp2p/kad-dht'
import type { CID } from 'multiformats/cid'
import { cidOf } from '../../core/content/hashes.ts'
import { type DhtConfig, schema } from '../../plugins/routing/config.ts'
import { placeOf } from '../../plugins/routing/dht/key-space.ts'
import { keyAtDepth, unknownDepths } from '../../plugins/routing/dht/refresh.ts'
import { type DhtNode, startDhtNode } from './dht-node.ts'
import { Wire } from './dht-wire.ts'
import { type BenchRow, benchRow, median } from './row.ts'

const RAW = 0x55
/** Nodes that a new one meets, before it looks for others by itself. */
const INTRODUCERS = 3
/** Nodes that join at a time. */
const JOINING = 10
const LOOKUP_TIMEOUT_MS = 60_000

export interface DhtBenchOptions {
  readonly nodes: number
  /** Records, each of a node chosen at random. */
  readonly records: number
  readonly lookups: number
  /** Nodes that keep each record, and a bucket's size. */
  readonly bucketSize: number
}

interface Lookup {
  readonly found: boolean
  /** Nodes in a row, from the routing table to the one that knew. */
  readonly hops: number
  /** Requests until a provider was found. */
  readonly messages: number
  /** Requests until nobody was left to ask. */
  readonly allMessages: number
}

/**
 * Look-ups of providers in a Kademlia network of many nodes in this process, each from a node to which the record means
 * nothing. Every node met three others that were there before it, and then looked around once, as a node does by itself.
 */
export async function dht(options: DhtBenchOptions): Promise<BenchRow[]> {
  const { records, lookups } = options
  // There are no sockets, and nothing else that waits keeps a process.
  const alive = setInterval(() => {}, 1000)
  const network: DhtNode[] = []
  try {
    for await (const node of startNodes(options)) network.push(node)
    const held = await provide(network, records)
    const outcomes: Lookup[] = []
    for (let index = 0; index < lookups; index++) {
      const { cid, holder } = held[index % held.length] as Held
      const others = network.filter(node => node !== holder)
      outcomes.push(await lookUp(pick(others), cid, holder))
      progress(`${outcomes.length} of ${lookups} look-ups`)
    }
    return rowsOf(options, network, outcomes)
  } finally {
    progress('')
    clearInterval(alive)
    await Promise.all(network.map(node => node.stop()))
  }
}

interface Held {
  readonly cid: CID
  readonly holder: DhtNode
}

async function* startNodes({ nodes, bucketSize }: DhtBenchOptions): AsyncGenerator<DhtNode> {
  const options = { ...defaults(), bucketSize }
  const network: DhtNode[] = []
  const wire = new Wire()
  while (network.length < nodes) {
    const count = network.length === 0 ? 1 : Math.min(JOINING, nodes - network.length)
    const joining = await Promise.all(Array.from({ length: count }, () => startDhtNode(wire, options)))
    yield* joining
    if (network.length > 0) await Promise.all(joining.map(node => join(node, network)))
    network.push(...joining)
    progress(`${network.length} of ${nodes} nodes have joined`)
  }
}

async function join(node: DhtNode, network: readonly DhtNode[]): Promise<void> {
  const known = [...network]
  for (let met = 0; met < INTRODUCERS && known.length > 0; met++) {
    await node.meet(known.splice(Math.floor(Math.random() * known.length), 1)[0] as DhtNode)
  }
  await lookAround(node)
}

/** As the plugin does after its start, and every half hour. */
async function lookAround({ self, dht }: DhtNode): Promise<void> {
  await eventually(() => dht.peers > 0, limit())
  const own = self.toMultihash().bytes
  const near = await dht.closest(own, limit())
  for (let depth = 0; depth < unknownDepths(own, near, dht.bucketSize); depth++) {
    await dht.closest(
      keyAtDepth(placeOf(own), depth, bytes => randomBytes(bytes.length)),
      limit(),
    )
  }
}

async function provide(network: readonly DhtNode[], count: number): Promise<Held[]> {
  const held: Held[] = []
  for (let index = 0; index < count; index++) {
    const holder = pick(network)
    const cid = cidOf(RAW, new Uint8Array(randomBytes(32)))
    const hash = cid.multihash.bytes
    const near = await holder.dht.closest(hash, limit())
    await Promise.all(near.map(peer => holder.dht.announce(peer, [hash], limit())))
    held.push({ cid, holder })
  }
  return held
}

async function lookUp(seeker: DhtNode, cid: CID, holder: DhtNode): Promise<Lookup> {
  /** How far from the seeker's table each node is that was named. */
  const depths = new Map<string, number>()
  let allMessages = 0
  let messages = 0
  let hops = 0
  const onEvent = (event: QueryEvent): void => {
    if (event.name === 'SEND_QUERY') allMessages += 1
    if (event.name !== 'PEER_RESPONSE') return
    const depth = depths.get(event.from.toString()) ?? 1
    for (const { id } of event.closer) {
      const before = depths.get(id.toString()) ?? Number.POSITIVE_INFINITY
      depths.set(id.toString(), Math.min(before, depth + 1))
    }
    const isAnswer = event.providers.some(({ id }) => id.equals(holder.self))
    if (!isAnswer || hops > 0 || event.from.equals(seeker.self)) return
    hops = depth
    messages = allMessages
  }
  let found = false
  for await (const { peer } of seeker.dht.findProviders(cid, limit(), onEvent)) {
    if (peer.equals(holder.self)) found = true
  }
  return { found, hops, messages, allMessages }
}

function rowsOf(
  { nodes, bucketSize }: DhtBenchOptions,
  network: readonly DhtNode[],
  outcomes: readonly Lookup[],
): BenchRow[] {
  const bench = `dht ${nodes}, k ${bucketSize}`
  const log = { name: 'log2(N)', value: Math.log2(nodes) }
  // A seeker that keeps the record itself asks nobody.
  const asked = outcomes.filter(({ hops }) => hops > 0)
  const mean = (of: (lookup: Lookup) => number): number =>
    asked.reduce((sum, lookup) => sum + of(lookup), 0) / Math.max(1, asked.length)
  return [
    benchRow({
      bench,
      metric: 'found',
      ours: outcomes.filter(({ found }) => found).length / outcomes.length,
      unit: 'of look-ups',
    }),
    benchRow({ bench, metric: 'hops', ours: mean(({ hops }) => hops), peer: log, unit: 'nodes in a row' }),
    benchRow({
      bench,
      metric: 'messages',
      ours: mean(({ messages }) => messages),
      peer: log,
      unit: 'requests until found',
    }),
    benchRow({
      bench,
      metric: 'messages to the end',
      ours: mean(({ allMessages }) => allMessages),
      peer: log,
      unit: 'requests',
    }),
    benchRow({
      bench,
      metric: 'table',
      ours: median(network.map(({ dht }) => dht.peers)),
      unit: 'nodes',
    }),
  ]
}

function defaults(): DhtConfig {
  const { dht } = schema
  const values = Object.entries(dht).map(([name, key]) => [name, key.default])
  return { ...(Object.fromEntries(values) as unknown as DhtConfig), network: 'fleet', mode: 'server' }
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T
}

function limit(): AbortSignal {
  const signal = AbortSignal.timeout(LOOKUP_TIMEOUT_MS)
  setMaxListeners(0, signal)
  return signal
}

async function eventually(isTrue: () => boolean, signal: AbortSignal): Promise<void> {
  while (!isTrue()) await setTimeout(5, undefined, { signal })
}

/** On a terminal: how far it is, on one line. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
