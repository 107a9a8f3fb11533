import { find, nameOf, type Token } from '../container.ts'
import { HEALTHY } from '../plugin.ts'
import type { PluginStatus } from '../state/node-state.ts'
import { type Clock, systemClock } from './clock.ts'
import { hostError } from './errors.ts'
import { HostedPlugin, type PluginDependencies, type PluginEntry, type TimeLimits } from './hosted-plugin.ts'
import { planStart } from './order.ts'
import { type BootReport, bootReport } from './report.ts'

export type { PluginEntry } from './hosted-plugin.ts'

export interface HostOptions extends TimeLimits {
  /** Those enabled. */
  readonly entries: readonly PluginEntry[]
  /** Names of those that are not. They aren't loaded: nothing else is known of them. */
  readonly disabled: readonly string[]
}

export interface HostDependencies extends Omit<PluginDependencies, 'clock' | 'random'> {
  readonly clock?: Clock
  /** 0 to 1, for jitter. */
  random?(): number
}

/** Runs a node's plugins. */
export interface PluginHost {
  /**
   * Puts the plugins in order and registers them, without I/O. The core's services are in the container by now. A plugin
   * that throws has failed; one that requires what nobody can provide is blocked.
   *
   * @throws SkepError PLUGINS_CONFLICT: cycles, contested services and repeated names, all of them, before any plugin runs
   */
  registerAll(): Promise<void>
  /**
   * Starts the plugins one after the other, each after those it depends on. Where it throws, all have been stopped.
   *
   * @throws SkepError BOOT_ABORTED with the boot report, where a plugin with `onFailure: abort` can't run
   * @throws the reason of `signal`, or an AbortError where `stopAll` is called meanwhile
   */
  startAll(options: { signal: AbortSignal }): Promise<void>
  /**
   * Stops the plugins in reverse order, also in the midst of `startAll`. Every one is reached, whatever the others do.
   * Called again it gives the same promise.
   *
   * @throws SkepError PLUGINS_NOT_STOPPED, whose cause is an AggregateError of what went wrong
   */
  stopAll(): Promise<void>
  /** In start order, disabled ones last. Synchronous and cheap. */
  statuses(): PluginStatus[]
  /** How the boot went. */
  report(): BootReport
}

export function createHost(
  { entries, disabled, ...limits }: HostOptions,
  dependencies: HostDependencies,
): PluginHost {
  const { container } = dependencies
  const all = { clock: systemClock, random: Math.random, ...dependencies }
  let plugins = entries.map(entry => new HostedPlugin(entry, limits, all))
  const stopping = new AbortController()
  let starting: Promise<void> | undefined
  let stopped: Promise<void> | undefined

  const isThere = (token: Token<unknown>): boolean => find(container, token) !== undefined

  /** Where a token would come from. */
  const fixFor = (token: Token<unknown>): string => {
    const provider = plugins.find(plugin => plugin.manifest.provides.includes(token))?.manifest.name
    if (provider) return `Mend plugin ${provider} first: it provides ${nameOf(token)}.`
    const hint = disabled.length > 0 ? ` Disabled: ${disabled.join(', ')}.` : ''
    return `Enable or install a plugin that provides ${nameOf(token)}.${hint}`
  }

  const block = (plugin: HostedPlugin, missing: readonly Token<unknown>[]): Promise<void> =>
    plugin.block(missing, missing.map(fixFor).join(' '))

  const report = (): BootReport =>
    bootReport([...plugins.map(plugin => plugin.report()), ...disabled.map(disabledStatus)])

  const stopEach = async (): Promise<Error[]> => {
    const errors: Error[] = []
    for (const plugin of plugins.toReversed()) errors.push(...(await plugin.stop()))
    return errors
  }

  const abortIfHopeless = (): void => {
    if (!plugins.some(plugin => plugin.abortsBoot)) return
    throw hostError('BOOT_ABORTED', `the node can't start\n${report().text}`)
  }

  const startEach = async (signal: AbortSignal): Promise<void> => {
    abortIfHopeless()
    for (const plugin of plugins) {
      signal.throwIfAborted()
      if (plugin.state !== 'registered') continue
      const missing = plugin.manifest.requires.filter(token => !isThere(token))
      if (missing.length > 0) await block(plugin, missing)
      else await plugin.start(signal)
      abortIfHopeless()
    }
    signal.throwIfAborted()
  }

  const start = async (signal: AbortSignal): Promise<void> => {
    try {
      await startEach(AbortSignal.any([signal, stopping.signal]))
    } catch (error) {
      for (const err of await stopEach()) dependencies.log.warn({ err }, 'plugin stop failed')
      throw error
    }
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    await starting?.catch(() => {})
    const errors = await stopEach()
    if (errors.length === 0) return
    const lines = errors.map(error => error.message).join('\n  ')
    throw hostError('PLUGINS_NOT_STOPPED', `not every plugin stopped cleanly\n  ${lines}`, {
      cause: new AggregateError(errors),
    })
  }

  return {
    async registerAll() {
      const plan = planStart(plugins, isThere)
      if (plan.problems.length > 0) {
        throw hostError('PLUGINS_CONFLICT', `the plugins don't fit together\n  ${plan.problems.join('\n  ')}`)
      }
      plugins = [...plan.order]
      const coming = new Set<Token<unknown>>()
      for (const plugin of plugins) {
        const missing = plugin.manifest.requires.filter(token => !coming.has(token) && !isThere(token))
        if (missing.length > 0) await block(plugin, missing)
        else await plugin.register()
        if (plugin.state === 'registered') for (const token of plugin.manifest.provides) coming.add(token)
      }
    },
    startAll({ signal }) {
      starting = start(signal)
      return starting
    },
    stopAll() {
      stopped ??= stop()
      return stopped
    },
    statuses: () => [...plugins.map(plugin => plugin.status()), ...disabled.map(disabledStatus)],
    report,
  }
}

function disabledStatus(name: string): PluginStatus {
  return { name, version: '', state: 'disabled', health: HEALTHY, loops: [], requires: [], provides: [] }
}
