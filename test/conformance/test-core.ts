import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { MemoryDatastore } from 'datastore-core'
import { createRootContainer, type DependencyContainer, provide, type Token } from '../../core/container.ts'
import { createBlocks } from '../../core/content/blocks.ts'
import { Content } from '../../core/content/content.ts'
import { createContent } from '../../core/content/create-content.ts'
import { createPins } from '../../core/content/pins.ts'
import { Control } from '../../core/control/control.ts'
import { createControl } from '../../core/control/server.ts'
import { createEvents, Events } from '../../core/events.ts'
import { silentLogger } from '../../core/logger.ts'
import { createMetrics, Metrics } from '../../core/metrics.ts'
import { createNetwork, type NodeNetwork } from '../../core/network/network.ts'
import { Network } from '../../core/network/network-port.ts'
import { createMemoryBudget, MemoryBudget } from '../../core/resources/byte-budget.ts'
import { Blocks } from '../../core/services/blocks.ts'
import { Pins } from '../../core/services/pins.ts'
import { ChangeFeed, createChangeFeed } from '../../core/state/change-feed.ts'
import { createNodeState, NodeState } from '../../core/state/node-state.ts'
import { Peers } from '../../core/state/peer-state.ts'
import { createPeers } from '../../core/state/peer-table.ts'
import { createMemoryStorage } from '../../core/storage/memory.ts'
import { Storage } from '../../core/storage/storage.ts'
import { networkOptions } from '../helpers/network-options.ts'
import { freshWear } from '../helpers/wear.ts'

const MIB = 1024 * 1024

/** The core of a node, of its real parts: storage in memory, libp2p on a free port of 127.0.0.1. */
export interface TestCore {
  readonly network: NodeNetwork
  readonly metrics: Metrics
  readonly state: NodeState
  /** A root container for one run of a plugin: of the core's services it has those asked for, and no others. */
  createRoot(tokens: readonly Token<unknown>[]): Promise<Root>
  stop(): Promise<void>
}

export interface Root {
  /** Where its control server listens. */
  readonly socketPath: string
  readonly container: DependencyContainer
  /** Ends a boot as a node does; routes that can't be served show here. */
  listen(): Promise<void>
  close(): Promise<void>
}

export async function createTestCore(): Promise<TestCore> {
  const log = silentLogger
  const metrics = createMetrics()
  const events = createEvents(error => {
    throw error
  })
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const memory = createMemoryBudget(16 * MIB)
  const changes = createChangeFeed({ run: 'conformance' }, { events, now: Date.now })
  const peers = createPeers({ maxPeers: 100 }, { events })
  const network = await createNetwork(
    { ...networkOptions, maxConnections: 20, dialTimeoutMs: 5000 },
    {
      privateKey: await generateKeyPair('Ed25519'),
      datastore: new MemoryDatastore(),
      store: storage.index,
      peers,
      events,
      log,
      metrics: metrics.factory('network'),
    },
  )
  await network.start()
  network.openGate()
  const blocks = createBlocks({ storage: storage.blocks, memory, log })
  const pins = createPins({ storage, blocks, events, log })
  await pins.start()
  const state = createNodeState(
    { version: '1.0.0', profile: 'pi-zero', dataDirectory: tmpdir() },
    {
      network,
      peers,
      storage,
      wear: freshWear(storage),
      pins,
      plugins: () => [],
      events,
      changes,
      now: Date.now,
    },
  )
  const services = new Map<Token<unknown>, unknown>([
    [Blocks, blocks],
    [Content, createContent({ storage, blocks, pins, memory })],
    [ChangeFeed, changes],
    [Events, events],
    [MemoryBudget, memory],
    [Metrics, metrics],
    [Network, network.port('core').port],
    [NodeState, state],
    [Peers, peers],
    [Pins, pins],
    [Storage, storage],
  ])
  return {
    network,
    metrics,
    state,
    async createRoot(tokens) {
      const directory = await mkdtemp(join(tmpdir(), 'skep-'))
      const socketPath = join(directory, 'skep.sock')
      const control = createControl({ socketPath }, { log })
      const container = createRootContainer()
      for (const token of tokens) {
        const service = token === Control ? control : services.get(token)
        if (service !== undefined) provide(container, token, service)
      }
      return {
        socketPath,
        container,
        listen: () => control.listen(),
        async close() {
          await control.close()
          await rm(directory, { recursive: true })
        },
      }
    },
    async stop() {
      await pins.stop()
      await network.stop()
      await storage.close()
    },
  }
}
