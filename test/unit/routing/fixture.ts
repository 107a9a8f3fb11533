import { randomBytes, randomFillSync } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import type { Discovery, DiscoverySource, Fleet } from '../../../core/api.ts'
import { systemClock } from '../../../core/clock.ts'
import { isSchemaKey, type SchemaTree } from '../../../core/config/schema.ts'
import { createBlocks } from '../../../core/content/blocks.ts'
import { cidOf } from '../../../core/content/hashes.ts'
import { createPins, type PinKeeper } from '../../../core/content/pins.ts'
import { systemClock as hostClock } from '../../../core/host/clock.ts'
import { Supervisor } from '../../../core/host/supervisor.ts'
import { type Logger, silentLogger } from '../../../core/logger.ts'
import type { NetworkOptions } from '../../../core/network/network.ts'
import type { SwarmKey } from '../../../core/network/swarm-key.ts'
import { createMemoryBudget } from '../../../core/resources/byte-budget.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { type RoutingConfig, schema } from '../../../plugins/routing/config.ts'
import { createMembersMetrics } from '../../../plugins/routing/members/metrics.ts'
import { createRoutingMetrics } from '../../../plugins/routing/metrics.ts'
import { RoutingNode } from '../../../plugins/routing/routing-node.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode, type TestNode } from '../network/nodes.ts'

const MIB = 1024 * 1024
const RAW = 0x55

export interface Test {
  teardown(end: () => unknown): void
}

/** What differs from the defaults, key by key. */
export type ConfigChanges = {
  readonly [K in keyof RoutingConfig]?: RoutingConfig[K] extends readonly unknown[]
    ? RoutingConfig[K]
    : Partial<RoutingConfig[K]>
}

export interface Status {
  readonly dht: {
    readonly network: string
    readonly protocol: string
    readonly mode: string
    readonly peers: number
    readonly records: number
  }
  readonly provide: {
    readonly what: string
    readonly state: string
    readonly share: number
    readonly announced: number
    readonly waiting: number
  }
}

export interface RoutedNode extends TestNode {
  readonly id: string
  readonly storage: Storage
  readonly pins: PinKeeper
  readonly routing: RoutingNode
  /** Peers that the DHT told of. */
  readonly found: Map<string, DiscoverySource>
  status(): Status
  /** Stores a block of a few random bytes and pins it. */
  pin(): Promise<CID>
  /** Ids of those that have the block, each with who told. */
  providersOf(cid: CID, options?: { enough?: number }): Promise<Map<string, string>>
  /** Ends the plugin and the network, as a node that stops. Idempotent. */
  stop(): Promise<void>
}

const defaults = defaultsOf(schema as unknown as SchemaTree) as unknown as RoutingConfig

function defaultsOf(tree: SchemaTree): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(tree).map(([key, node]) => [key, isSchemaKey(node) ? node.default : defaultsOf(node)]),
  )
}

export function configOf(changes: ConfigChanges = {}): RoutingConfig {
  const sections = Object.entries(changes).map(([name, values]) => {
    const before = defaults[name as keyof RoutingConfig]
    return [name, Array.isArray(values) ? values : { ...before, ...values }]
  })
  return { ...defaults, ...Object.fromEntries(sections) }
}

export interface RoutedOptions {
  readonly config?: ConfigChanges
  readonly network?: Partial<NetworkOptions>
  readonly storage?: Storage
  /** The fleet that it is in. Default: none. */
  readonly fleet?: Fleet
  /** Of the private network that it is in. Default: none. */
  readonly swarmKey?: SwarmKey
  /** Told what happens. Default: nobody. */
  readonly log?: Logger
  /** Who counts as one of our own. Default: nobody. */
  isMember?(): boolean
}

/** A node on 127.0.0.1 with the routing plugin's parts as its index wires them, over storage in memory. */
export async function startRouting(t: Test, options: RoutedOptions = {}): Promise<RoutedNode> {
  const node = await startNode(t, {
    maxConnections: 200,
    maxInboundPerSecond: 1000,
    maxDialsPerSecond: 1000,
    trusts: (_, trust) => trust === 'own' && (options.isMember?.() ?? false),
    ...options.network,
    ...(options.swarmKey && { swarmKey: options.swarmKey }),
  })
  const storage = options.storage ?? createMemoryStorage({ maxBytes: 256 * MIB })
  const blocks = createBlocks({
    storage: storage.blocks,
    memory: createMemoryBudget(16 * MIB),
    log: silentLogger,
  })
  const pins = createPins({ storage, blocks, events: node.events, log: silentLogger })
  await pins.start()
  const stopping = new AbortController()
  const supervisor = new Supervisor(
    { signal: stopping.signal },
    { log: silentLogger, clock: hostClock, random: Math.random },
  )
  const found = new Map<string, DiscoverySource>()
  const discovery: Discovery = {
    sourceOf: peer => found.get(peer),
    isMember: options.isMember ?? (() => false),
    found: (peer, _, source) => found.set(peer.toString(), source),
  }
  const routing = new RoutingNode(configOf(options.config), {
    network: node.port,
    storage,
    pins,
    events: node.events,
    peers: node.peers,
    discovery: () => discovery,
    fleet: () => options.fleet,
    metrics: createRoutingMetrics(node.metrics.factory('routing')),
    membersMetrics: createMembersMetrics(node.metrics.factory('routing-members')),
    supervise: (name, loop) => supervisor.supervise(name, loop),
    log: options.log ?? silentLogger,
    clock: systemClock,
    random: bytes => randomFillSync(bytes),
  })
  await routing.start()
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    stopping.abort()
    await routing.stop()
    await supervisor.ended()
    await pins.stop()
    await node.network.stop()
  }
  const routed: RoutedNode = {
    ...node,
    id: node.port.self.toString(),
    storage,
    pins,
    routing,
    found,
    status: () => routing.describe() as Status,
    async pin() {
      const bytes = new Uint8Array(randomBytes(64))
      const cid = cidOf(RAW, bytes)
      await storage.blocks.put(cid, bytes)
      await pins.add(cid)
      return cid
    },
    async providersOf(cid, { enough = Number.POSITIVE_INFINITY } = {}) {
      const providers = new Map<string, string>()
      for await (const { peer, source } of routing.router.findProviders(cid, { enough })) {
        providers.set(peer.toString(), source)
      }
      return providers
    },
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
  t.teardown(() => routed.stop())
  return routed
}

export const FLEET: ConfigChanges = { dht: { network: 'fleet' } }

/** A DHT of `count` nodes that all know of each other through the first. */
export async function startFleet(
  t: Test,
  count: number,
  config: ConfigChanges = FLEET,
): Promise<RoutedNode[]> {
  const nodes = await Promise.all(Array.from({ length: count }, () => startRouting(t, { config })))
  const [first, ...others] = nodes
  if (!first) throw new RangeError('a fleet has nodes')
  for (const node of others) await node.port.dial(first.port.addresses())
  const wanted = Math.min(count - 1, configOf(config).dht.bucketSize)
  for (const node of nodes) {
    await eventually(`${wanted} peers in the table of each node`, () =>
      node.status().dht.peers >= wanted ? true : undefined,
    )
  }
  return nodes
}

/** Resolves when all that is pinned was announced. */
export async function announced(node: RoutedNode, count: number): Promise<void> {
  await eventually(`${count} announcements`, () => {
    const { announced, waiting } = node.status().provide
    return announced >= count && waiting === 0 ? true : undefined
  })
}
