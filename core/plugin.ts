import type { Schema } from './config/schema.ts'
import type { DependencyContainer, Token } from './container.ts'
import type { Logger } from './logger.ts'
import type { MetricFactory } from './metrics.ts'
import type { NetworkPort } from './network/network-port.ts'

/** What a plugin is and how it fits with others. Read before anything of it runs. */
export interface PluginManifest {
  /** kebab-case; also the config key, the log scope and the metric prefix. */
  readonly name: string
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
 */
export interface Plugin<C extends object = object, M = unknown> {
  readonly manifest: PluginManifest
  /** A convict fragment, mounted at `plugins.<name>`. */
  readonly schema: Schema<C>
  /** Checks that span several keys. Throws a config error. */
  validate?(config: Readonly<C>): void
  /** Every metric of the plugin, made in one place. */
  metrics(create: MetricFactory): M
  /**
   * Wires the plugin up without I/O: provides its services, adds its routes. Core services can be used at once;
   * those of other plugins exist from `start()` on.
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
   * Runs a background loop until `signal` aborts: restarts it with backoff when it throws, gives up after repeated
   * identical failures, and shows both in the plugin's health. A loop that returns is done.
   */
  supervise(name: string, loop: (signal: AbortSignal) => Promise<void>): void
}

export interface PluginInstance {
  /** Resolves when the plugin is useful. The host times it out. */
  start(): Promise<void>
  /** Idempotent; works after half a start. */
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
