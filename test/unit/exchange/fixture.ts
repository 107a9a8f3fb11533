import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { CID } from 'multiformats/cid'
import { pino } from 'pino'
import {
  Blocks,
  type Channel,
  Events,
  Exchange,
  type ExchangeSession,
  MemoryBudget,
  type NodeEvents,
  NodeState,
  type NodeStatus,
  Peers,
  type PluginInstance,
  provide,
  Storage,
} from '../../../core/api.ts'
import { isSchemaKey, type SchemaTree } from '../../../core/config/schema.ts'
import { createRootContainer, use } from '../../../core/container.ts'
import { createBlocks } from '../../../core/content/blocks.ts'
import { cidOf } from '../../../core/content/hashes.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMemoryBudget } from '../../../core/resources/byte-budget.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { BandwidthConfig } from '../../../plugins/exchange/bandwidth/config.ts'
import { type ExchangeConfig, exchangeSchema } from '../../../plugins/exchange/config.ts'
import plugin from '../../../plugins/exchange/index.ts'
import { PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { startNode, type TestNode } from '../network/nodes.ts'

const MIB = 1024 * 1024
const RAW = 0x55

export interface TestBlock {
  readonly cid: CID
  readonly bytes: Uint8Array
}

export interface Test {
  teardown(end: () => unknown): void
}

export interface ExchangeNode extends TestNode {
  readonly id: string
  readonly storage: Storage
  readonly blocks: Blocks
  readonly memory: MemoryBudget
  readonly exchange: Exchange
  readonly plugin: PluginInstance
  /** What the plugin shows in the status. */
  details(): Record<string, number>
  /** Log lines so far. */
  logs(): Record<string, unknown>[]
  /** The value of a metric without labels, or with them as in `name{side="holder"}`. */
  metric(name: string): Promise<number>
  hold(blocks: readonly TestBlock[]): Promise<void>
  session(): ExchangeSession
  /** Resolves when `name` is emitted next. */
  next<K extends keyof NodeEvents>(name: K): Promise<NodeEvents[K]>
}

export function randomBlocks(count: number, bytes: number): TestBlock[] {
  return Array.from({ length: count }, () => {
    const content = new Uint8Array(randomBytes(bytes))
    return { cid: cidOf(RAW, content), bytes: content }
  })
}

/** True where each of `got` is the content of the block in its place. Quicker than a deep comparison. */
export function areContents(got: readonly Uint8Array[], blocks: readonly TestBlock[]): boolean {
  return (
    got.length === blocks.length &&
    blocks.every(({ bytes }, index) => got[index] && Buffer.compare(got[index], bytes) === 0)
  )
}

/** One random block. */
export function randomBlock(bytes: number): TestBlock {
  return randomBlocks(1, bytes)[0] as TestBlock
}

const defaults = defaultsOf(exchangeSchema as unknown as SchemaTree) as unknown as ExchangeConfig

function defaultsOf(tree: SchemaTree): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(tree).map(([key, node]) => [key, isSchemaKey(node) ? node.default : defaultsOf(node)]),
  )
}

/** The default bandwidth with `changes`. Nobody is exempt: every peer of a test is on loopback. */
export function bandwidth(changes: Partial<BandwidthConfig>): Pick<ExchangeConfig, 'bandwidth'> {
  return { bandwidth: { ...defaults.bandwidth, exemptLan: false, ...changes } }
}

/** A node on 127.0.0.1 with the exchange plugin, as the host would run it, over `storage`: by default in memory. */
export async function startExchange(
  t: Test,
  config: Partial<ExchangeConfig> = {},
  storage: Storage = createMemoryStorage({ maxBytes: 4096 * MIB }),
): Promise<ExchangeNode> {
  const node = await startNode(t)
  const container = createRootContainer()
  const details = new Map<string, () => unknown>()
  const memory = createMemoryBudget(256 * MIB)
  const blocks = createBlocks({ storage: storage.blocks, memory, log: silentLogger })
  provide(container, Storage, storage)
  provide(container, Blocks, blocks)
  provide(container, Peers, node.peers)
  provide(container, MemoryBudget, memory)
  provide(container, Events, node.events)
  provide(container, NodeState, {
    status: (): NodeStatus => {
      throw new Error('nobody here asks for the whole status')
    },
    describe(name, read) {
      details.set(name, read)
      return () => details.delete(name)
    },
  })
  const lines: Record<string, unknown>[] = []
  const sink = new PassThrough()
  sink.on('data', line => lines.push(JSON.parse(String(line))))
  const stopping = new AbortController()
  const instance = plugin.register(container, {
    config: { ...defaults, ...config },
    metrics: plugin.metrics(node.metrics.factory('exchange')),
    log: pino({ level: 'debug', base: null }, sink),
    signal: stopping.signal,
    network: node.port,
    supervise() {
      throw new Error('the exchange has no loops')
    },
  })
  await instance.start()
  t.teardown(async () => {
    stopping.abort()
    await instance.stop()
    await node.network.stop()
    await storage.close()
  })
  const exchange = use(container, Exchange)
  return {
    ...node,
    id: node.port.self.toString(),
    storage,
    blocks,
    memory,
    exchange,
    plugin: instance,
    details: () => details.get('exchange')?.() as Record<string, number>,
    logs: () => lines,
    async metric(name) {
      const line = (await node.metrics.text())
        .split('\n')
        .find(text => text.startsWith(`skep_exchange_${name} `))
      return Number(line?.split(' ')[1] ?? Number.NaN)
    },
    async hold(blocks) {
      await Promise.all(blocks.map(({ cid, bytes }) => storage.blocks.put(cid, bytes)))
    },
    session: () => exchange.session(randomBlock(1).cid),
    next: name =>
      new Promise(resolve => {
        const off = node.events.on(name, payload => {
          off()
          resolve(payload)
        })
      }),
  }
}

/** A node that answers the exchange's protocol with `handler` instead of the plugin. */
export async function startPeer(
  t: Test,
  handler: (channel: Channel) => Promise<void>,
): Promise<TestNode & { id: string }> {
  const node = await startNode(t)
  await node.port.handle(PROTOCOL, handler)
  return { ...node, id: node.port.self.toString() }
}

export async function connect(from: TestNode, to: TestNode): Promise<void> {
  const met = new Promise<void>(resolve => {
    const off = to.events.on('peer:connected', () => {
      off()
      resolve()
    })
  })
  await from.port.dial(to.port.addresses())
  await met
}

/** Opens a stream to a node's server, as a requester of a test's own. */
export function open(from: TestNode, to: TestNode): Promise<Channel> {
  return from.port.open(to.port.self, PROTOCOL)
}

/** Resolves when the stream is gone. */
export async function gone(channel: Channel): Promise<void> {
  if (!channel.signal.aborted) await once(channel.signal, 'abort')
}
