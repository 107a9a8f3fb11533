import type { Schema } from './config/schema.ts'
import type { DependencyContainer, Token } from './container.ts'
import type { Logger } from './logger.ts'
import type { MetricFactory } from './metrics.ts'
import type { NetworkPort } from './network/network-port.ts'

/** What a plugin is and how it fits with others. Read before anything of it runs. */
export interface PluginManifest {
  /** kebab-case; also the config key, the log scope and the metric prefix. */
  readonly name: string
  /** https://semver.org */
  readonly version: string
  /** Services it can't work without: one absent and the plugin is blocked, with the reason. */
  readonly requires: readonly Token<unknown>[]
  /** Services it uses where they are there. They start first; one absent and it runs without. */
  readonly wants: readonly Token<unknown>[]
  /** All that others will see of it, and only after `start()` succeeded. */
  readonly provides: readonly Token<unknown>[]
}

/**
 * One capability in one folder. `C` is its config, `M` its metrics.
 *
 * The host calls, in this order: `validate`, `metrics`, `register`, then the instance's `start`, and at the end `stop`.
 * All plugins register before any starts. A plugin that throws, or takes too long, is stopped and gives back all it holds;
 * the node runs without it, unless its `onFailure` is `abort`.
 */
export interface Plugin<C extends object = object, M = unknown> {
  readonly manifest: PluginManifest
  /** A convict fragment, mounted at `plugins.<name>`. */
  readonly schema: Schema<C>
  /** Checks that span several keys. What it throws is reported as a problem of `plugins.<name>`, and the node does not start. */
  validate?(config: Readonly<C>): void
  /** Every metric of the plugin, made in one place. */
  metrics(create: MetricFactory): M
  /**
   * Wires the plugin up without I/O: provides its services, adds its routes. Core services can be used at once;
   * those of other plugins exist from `start()` on. `container` is the plugin's own: of what is registered there, others
   * see only what the manifest `provides`.
   */
  register(container: DependencyContainer, context: PluginContext<C, M>): PluginInstance
}

export interface PluginContext<C = object, M = unknown> {
  readonly config: Readonly<C>
  readonly metrics: M
  readonly log: Logger
  /** Aborted before `stop()` is called. */
  readonly signal: AbortSignal
  readonly network: NetworkPort
  /**
   * From `start()` on: runs a background loop until `signal` aborts. A loop that throws runs again after a wait that grows;
   * one that keeps failing the same way counts as broken and is tried rarely. Both show in the plugin's health, until it
   * runs again. A loop that returns is done. `stop()` is called while loops may still run; the host waits for their end.
   *
   * @throws SkepError LOOP_REFUSED in `register()`, or where a loop of that name still runs
   */
  supervise(name: string, loop: (signal: AbortSignal) => Promise<void>): void
}

export interface PluginInstance {
  /** Resolves when the plugin is useful; gives up where `signal` aborts. The host times it out. */
  start(): Promise<void>
  /**
   * Idempotent; works without a start and after one that failed. Where `start()` is under way, the host aborts `signal` and
   * waits for it to settle first. The host times both out.
   */
  stop(): Promise<void>
  /** Synchronous and cheap: asked on every health request. */
  health(): Health
}

export interface Health {
  readonly status: 'ok' | 'degraded' | 'failed'
  /** Why it isn't `ok`, for a person. */
  readonly reason?: string
}

export const HEALTHY: Health = Object.freeze({ status: 'ok' })

/** Keeps the types of a plugin's config and metrics together; a plugin's `index.ts` exports its result as default. */
export function definePlugin<C extends object, M>(plugin: Plugin<C, M>): Plugin<C, M> {
  return plugin
}
