import { assemble } from '../../core/config/assemble.ts'
import type { SchemaTree } from '../../core/config/schema.ts'
import { type DependencyContainer, provide, use } from '../../core/container.ts'
import { Content } from '../../core/content/content.ts'
import { Control } from '../../core/control/control.ts'
import { Events } from '../../core/events.ts'
import { createHost, type PluginHost } from '../../core/host/plugin-host.ts'
import { silentLogger } from '../../core/logger.ts'
import { Metrics } from '../../core/metrics.ts'
import { Network } from '../../core/network/network-port.ts'
import type { Plugin } from '../../core/plugin.ts'
import { MemoryBudget } from '../../core/resources/byte-budget.ts'
import { Blocks } from '../../core/services/blocks.ts'
import { Pins } from '../../core/services/pins.ts'
import { ChangeFeed } from '../../core/state/change-feed.ts'
import { createNodeState, NodeState } from '../../core/state/node-state.ts'
import { Peers } from '../../core/state/peer-state.ts'
import { Storage } from '../../core/storage/storage.ts'
import { createTestCore, type TestCore } from '../conformance/test-core.ts'
import { freshWear } from './wear.ts'

interface Entry {
  readonly plugin: unknown
  /** What differs from the defaults; whole sections where they nest. */
  readonly config?: object
}

/** Plugins in their host, over a core of real parts, with the one status that they are part of. */
export interface PluginNode {
  readonly core: TestCore
  readonly container: DependencyContainer
  readonly state: ReturnType<typeof createNodeState>
  readonly host: PluginHost
  stop(): Promise<void>
}

const CORE_SERVICES = [
  Blocks,
  ChangeFeed,
  Content,
  Control,
  Events,
  MemoryBudget,
  Metrics,
  Network,
  Peers,
  Pins,
  Storage,
]

/** Resolves when the plugins have started, or failed: `host.report()` says. */
export async function startPlugins(entries: readonly Entry[]): Promise<PluginNode> {
  const core = await createTestCore()
  const { container, close } = await core.createRoot(CORE_SERVICES)
  const state = createNodeState(
    { version: '1.2.3', profile: 'pi-4', dataDirectory: '/data' },
    {
      network: core.network,
      peers: use(container, Peers),
      storage: use(container, Storage),
      wear: freshWear(use(container, Storage)),
      pins: use(container, Pins),
      events: use(container, Events),
      changes: use(container, ChangeFeed),
      plugins: () => host.statuses(),
      now: Date.now,
    },
  )
  provide(container, NodeState, state)
  const host = createHost(
    {
      entries: entries.map(({ plugin, config }) => ({
        plugin: plugin as Plugin,
        config: { ...assemble((plugin as Plugin).schema as SchemaTree, new Map()), ...config },
        onFailure: 'degrade',
      })),
      disabled: [],
      startTimeoutMs: 10_000,
      stopTimeoutMs: 10_000,
    },
    {
      container,
      log: silentLogger,
      metrics: core.metrics,
      portFor: owner => core.network.port(owner),
    },
  )
  await host.registerAll()
  await host.startAll({ signal: new AbortController().signal })
  return {
    core,
    container,
    state,
    host,
    async stop() {
      await host.stopAll()
      await close()
      await core.stop()
    },
  }
}
