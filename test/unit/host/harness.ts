import { createRootContainer, provide, type Token } from '../../../core/container.ts'
import { createHost, type PluginEntry } from '../../../core/host/plugin-host.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics } from '../../../core/metrics.ts'
import type { NetworkPort } from '../../../core/network/network-port.ts'
import type { Plugin, PluginContext, PluginInstance, PluginManifest } from '../../../core/plugin.ts'
import { createManualClock } from './manual-clock.ts'

export const START_TIMEOUT_MS = 30_000
export const STOP_TIMEOUT_MS = 10_000

type Steps = Partial<PluginInstance> & Partial<Pick<Plugin, 'validate' | 'metrics'>>

export interface Recipe extends Partial<PluginManifest> {
  readonly name: string
  readonly onFailure?: PluginEntry['onFailure']
  readonly config?: object
  /** What to do otherwise than a good plugin would. */
  steps?(context: PluginContext, container: Parameters<Plugin['register']>[0]): Steps
  /** Throws, or keeps from providing what the manifest says. */
  readonly beforeRegister?: () => void
  readonly withholds?: readonly Token<unknown>[]
  readonly validate?: Plugin['validate']
  readonly metrics?: Plugin['metrics']
}

interface Surroundings {
  /** Services of the core. */
  readonly core?: readonly Token<unknown>[]
  readonly disabled?: readonly string[]
}

/** A host of plugins that write down what happens to them, each what its recipe says. */
export function createHarness(recipes: readonly Recipe[], { core = [], disabled = [] }: Surroundings = {}) {
  const journal: string[] = []
  const released: string[] = []
  const container = createRootContainer()
  for (const token of core) provide(container, token, { from: 'core' })
  const metrics = createMetrics()
  const clock = createManualClock()
  const contexts = new Map<string, PluginContext>()
  const entries = recipes.map(recipe => ({
    plugin: pluginOf(recipe, journal, contexts),
    config: recipe.config ?? {},
    onFailure: recipe.onFailure ?? ('degrade' as const),
  }))
  const host = createHost(
    { entries, disabled, startTimeoutMs: START_TIMEOUT_MS, stopTimeoutMs: STOP_TIMEOUT_MS },
    {
      container,
      log: silentLogger,
      metrics,
      clock,
      random: () => 1,
      portFor: name => ({
        port: unusedPort(name),
        async release() {
          released.push(name)
        },
      }),
    },
  )
  const signal = new AbortController().signal
  const boot = async () => {
    await host.registerAll()
    await host.startAll({ signal })
  }
  const states = () => Object.fromEntries(host.statuses().map(({ name, state }) => [name, state]))
  const reasonOf = (name: string) => host.statuses().find(status => status.name === name)?.health.reason
  return { host, boot, journal, released, container, metrics, clock, contexts, states, reasonOf }
}

function pluginOf(recipe: Recipe, journal: string[], contexts: Map<string, PluginContext>): Plugin {
  const { name, version = '1.0.0', requires = [], wants = [], provides = [], withholds = [] } = recipe
  return {
    manifest: { name, version, requires, wants, provides },
    schema: {},
    ...(recipe.validate && { validate: recipe.validate }),
    metrics: recipe.metrics ?? (create => create.counter({ name: 'calls_total', help: 'Calls.' })),
    register(container, context) {
      contexts.set(name, context)
      journal.push(`${name} registers`)
      recipe.beforeRegister?.()
      for (const token of provides) {
        if (!withholds.includes(token)) provide(container, token, { from: name })
      }
      const { start, stop, health } = recipe.steps?.(context, container) ?? {}
      return {
        async start() {
          journal.push(`${name} starts`)
          await start?.()
        },
        async stop() {
          journal.push(`${name} stops${context.signal.aborted ? '' : ' before its signal'}`)
          await stop?.()
        },
        health: health ?? (() => ({ status: 'ok' })),
      }
    },
  }
}

/** These plugins stay off the network: whoever touches it learns so. */
function unusedPort(name: string): NetworkPort {
  return new Proxy({} as NetworkPort, {
    get(_target, property) {
      throw new Error(`${name} reached for network.${String(property)}`)
    },
  })
}
