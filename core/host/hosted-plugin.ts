import { type DependencyContainer, find, lend, nameOf, type Token } from '../container.ts'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { OwnedPort } from '../network/ports.ts'
import { HEALTHY, type Health, type Plugin, type PluginInstance, type PluginManifest } from '../plugin.ts'
import type { PluginStatus } from '../state/node-state.ts'
import { type Clock, within } from './clock.ts'
import { type HostErrorCode, hostError } from './errors.ts'
import type { PluginReport } from './report.ts'
import { type LoopBody, Supervisor } from './supervisor.ts'

/** A plugin, its part of the config, and what to do without it. */
export interface PluginEntry {
  readonly plugin: Plugin
  /** What the plugin's schema made of its part of the config; frozen. */
  readonly config: object
  /** `degrade`: the node runs without it. `abort`: the node doesn't start without it. */
  readonly onFailure: 'degrade' | 'abort'
}

export interface TimeLimits {
  /** How long `start()` of one plugin may take. */
  readonly startTimeoutMs: number
  /** How long each step of stopping one plugin may take: what is left of `start()`, `stop()`, its loops, its network. */
  readonly stopTimeoutMs: number
}

export interface PluginDependencies {
  /** The root: what a plugin provides goes here. */
  readonly container: DependencyContainer
  readonly log: Logger
  readonly metrics: Metrics
  /** Called once for each plugin that registers. */
  portFor(plugin: string): OwnedPort
  readonly clock: Clock
  /** 0 to 1. */
  random(): number
}

interface Problem {
  readonly reason: string
  readonly fix: string
}

/** All that one registered plugin holds, in one place to give back. */
interface Holdings {
  readonly abort: AbortController
  readonly container: DependencyContainer
  readonly supervisor: Supervisor
  port?: OwnedPort
  instance?: PluginInstance
  /** Settles with `start()`, however that ends. */
  started?: Promise<void>
  takeBack: (() => void)[]
}

/** The life of one plugin: from `registered` to `running` and `stopped`, or out of it as `failed` or `blocked`. */
export class HostedPlugin {
  readonly manifest: PluginManifest
  readonly #entry: PluginEntry
  readonly #limits: TimeLimits
  readonly #dependencies: PluginDependencies
  readonly #log: Logger
  #state: PluginStatus['state'] = 'registered'
  #problem?: Problem
  #holdings?: Holdings
  #startMs?: number

  constructor(entry: PluginEntry, limits: TimeLimits, dependencies: PluginDependencies) {
    this.manifest = entry.plugin.manifest
    this.#entry = entry
    this.#limits = limits
    this.#dependencies = dependencies
    this.#log = dependencies.log.child({ plugin: this.manifest.name })
  }

  get state(): PluginStatus['state'] {
    return this.#state
  }

  /** True where this plugin can't run and the node isn't to start without it. */
  get abortsBoot(): boolean {
    return this.#problem !== undefined && this.#entry.onFailure === 'abort'
  }

  /** Registers the plugin. Where it throws, the plugin has `failed` and holds nothing. */
  async register(): Promise<void> {
    const { plugin, config } = this.#entry
    const { container, metrics, clock, random, portFor } = this.#dependencies
    const { name } = this.manifest
    const abort = new AbortController()
    const { signal } = abort
    const supervisor = new Supervisor({ signal }, { log: this.#log, clock, random })
    const holdings: Holdings = {
      abort,
      container: container.createChildContainer(),
      supervisor,
      takeBack: [],
    }
    this.#holdings = holdings
    try {
      plugin.validate?.(config)
      const ownMetrics = plugin.metrics(metrics.factory(name))
      holdings.port = portFor(name)
      const instance = plugin.register(holdings.container, {
        config,
        metrics: ownMetrics,
        log: this.#log,
        signal,
        network: holdings.port.port,
        supervise: (loop, body) => this.#supervise(supervisor, loop, body),
      })
      if (!isInstance(instance)) throw new TypeError('register() gave no start(), stop() and health()')
      holdings.instance = instance
    } catch (error) {
      await this.#fail(this.#error('PLUGIN_REGISTER_FAILED', messageOf(error), error))
    }
  }

  /**
   * Starts the plugin, then lets others see what it provides. Where it fails or takes too long, it has `failed` and
   * holds nothing. Where `signal` aborts first, it stays `starting` until it is stopped.
   */
  async start(signal: AbortSignal): Promise<void> {
    const holdings = this.#holdings
    if (!holdings?.instance || this.#state !== 'registered') return
    const { clock } = this.#dependencies
    this.#state = 'starting'
    const beganMs = clock.now()
    try {
      await this.#runStart(holdings, holdings.instance, signal)
      this.#lendServices(holdings)
      this.#startMs = Math.round(clock.now() - beganMs)
      this.#state = 'running'
      this.#log.info({ version: this.manifest.version, startMs: this.#startMs }, 'plugin started')
    } catch (error) {
      if (!signal.aborted) await this.#fail(error)
    }
  }

  /** Marks the plugin as unable to run without `missing`, and gives back what it holds. */
  async block(missing: readonly Token<unknown>[], fix: string): Promise<void> {
    this.#state = 'blocked'
    this.#problem = { reason: `needs ${missing.map(nameOf).join(', ')}`, fix }
    this.#log.warn(this.#problem, 'plugin blocked')
    await this.#giveBackQuietly()
  }

  /** Stops the plugin and gives back all it holds, whatever goes wrong on the way: the errors are the result. */
  async stop(): Promise<Error[]> {
    if (this.#state !== 'registered' && this.#state !== 'starting' && this.#state !== 'running') return []
    this.#state = 'stopped'
    return this.#giveBack()
  }

  status(): PluginStatus {
    const { name, version, requires, provides } = this.manifest
    return {
      name,
      version,
      state: this.#state,
      health: this.#health(),
      ...(this.#problem && { fix: this.#problem.fix }),
      loops: this.#holdings?.supervisor.status() ?? [],
      requires: requires.map(nameOf),
      provides: provides.map(nameOf),
      ...(this.#startMs !== undefined && { startMs: this.#startMs }),
    }
  }

  report(): PluginReport {
    const { name, version } = this.manifest
    return {
      name,
      version,
      state: this.#state,
      ...this.#problem,
      ...(this.#startMs !== undefined && { startMs: this.#startMs }),
    }
  }

  async #runStart(holdings: Holdings, instance: PluginInstance, signal: AbortSignal): Promise<void> {
    const { startTimeoutMs } = this.#limits
    const start = async (): Promise<void> => {
      try {
        await instance.start()
      } catch (error) {
        throw this.#error('PLUGIN_START_FAILED', `start() failed: ${messageOf(error)}`, error)
      }
    }
    const late = (): Error =>
      this.#error('PLUGIN_START_TIMEOUT', `start() took longer than ${startTimeoutMs} ms`)
    const started = start()
    holdings.started = started.catch(() => {})
    await within(startTimeoutMs, () => started, late, this.#dependencies.clock, signal)
  }

  #lendServices(holdings: Holdings): void {
    const { provides } = this.manifest
    const { container } = holdings
    const services = provides.map(
      token => [token, container.isRegistered(token) ? find(container, token) : undefined] as const,
    )
    const absent = services.filter(([, service]) => service === undefined).map(([token]) => nameOf(token))
    if (absent.length > 0) {
      throw this.#error('PLUGIN_SERVICE_NOT_PROVIDED', `promised ${absent.join(', ')} and did not provide it`)
    }
    holdings.takeBack = services.map(([token, service]) => lend(this.#dependencies.container, token, service))
  }

  #supervise(supervisor: Supervisor, loop: string, body: LoopBody): void {
    if (this.#state === 'registered') {
      throw hostError('LOOP_REFUSED', `loop ${loop} was asked for in register(): loops begin in start()`)
    }
    supervisor.supervise(loop, body)
  }

  async #fail(error: unknown): Promise<void> {
    this.#state = 'failed'
    this.#problem = { reason: messageOf(error).replace(this.#prefix, ''), fix: this.#fixOf(error) }
    this.#log.error({ err: error, fix: this.#problem.fix }, 'plugin failed')
    await this.#giveBackQuietly()
  }

  /** The cause knows best what to do. */
  #fixOf(error: unknown): string {
    const cause = error instanceof Error ? error.cause : undefined
    const adviser = [cause, error].find(thrown => isSkepError(thrown))
    return (adviser?.fix ?? hostError.fixes.PLUGIN_START_FAILED).replaceAll('<name>', this.manifest.name)
  }

  get #prefix(): string {
    return `plugin ${this.manifest.name}: `
  }

  #error(code: HostErrorCode, what: string, cause?: unknown): Error {
    return hostError(code, this.#prefix + what, { cause })
  }

  /** For a plugin whose state says already that it failed: what else goes wrong is only logged. */
  async #giveBackQuietly(): Promise<void> {
    for (const error of await this.#giveBack()) this.#log.warn({ err: error }, 'plugin cleanup failed')
  }

  async #giveBack(): Promise<Error[]> {
    const holdings = this.#holdings
    this.#holdings = undefined
    if (!holdings) return []
    const { abort, started, instance, supervisor, container, port, takeBack } = holdings
    const errors: Error[] = []
    const step = async (what: () => string, work: () => unknown): Promise<void> => {
      await this.#limitedStep(what, work).catch(error => errors.push(error))
    }
    abort.abort()
    for (const take of takeBack) take()
    // What start() opens after stop() has run would stay open.
    await step(
      () => 'ending its start()',
      () => started,
    )
    await step(
      () => 'stop()',
      () => instance?.stop(),
    )
    await step(
      () => `ending its loops (${supervisor.unfinished().join(', ')})`,
      () => supervisor.ended(),
    )
    await step(
      () => 'leaving the network',
      () => port?.release(),
    )
    await step(
      () => 'disposing its container',
      () => container.dispose(),
    )
    this.#dependencies.metrics.drop(this.manifest.name)
    return errors
  }

  async #limitedStep(what: () => string, work: () => unknown): Promise<void> {
    const { stopTimeoutMs } = this.#limits
    const late = (): Error =>
      this.#error('PLUGIN_STOP_TIMEOUT', `${what()} took longer than ${stopTimeoutMs} ms`)
    const attempt = async (): Promise<void> => {
      try {
        await work()
      } catch (error) {
        throw this.#error('PLUGIN_STOP_FAILED', `${what()} failed: ${messageOf(error)}`, error)
      }
    }
    await within(stopTimeoutMs, attempt, late, this.#dependencies.clock)
  }

  #health(): Health {
    switch (this.#state) {
      case 'running':
        return this.#runningHealth()
      case 'failed':
      case 'blocked':
        return { status: 'failed', ...(this.#problem && { reason: this.#problem.reason }) }
      default:
        return { status: 'degraded', reason: this.#state }
    }
  }

  /** The worse of what the plugin says and how its loops do. */
  #runningHealth(): Health {
    const loops = this.#holdings?.supervisor.health() ?? HEALTHY
    const own = this.#ownHealth()
    if (loops.status === 'ok') return own
    if (own.status === 'ok') return loops
    return { status: own.status, reason: [own.reason, loops.reason].filter(Boolean).join('; ') }
  }

  #ownHealth(): Health {
    try {
      const health = this.#holdings?.instance?.health()
      if (health?.status) return health
      return { status: 'failed', reason: 'health() gave no status' }
    } catch (error) {
      return { status: 'failed', reason: `health() failed: ${messageOf(error)}` }
    }
  }
}

function isInstance(value: unknown): value is PluginInstance {
  const { start, stop, health } = (value ?? {}) as Partial<PluginInstance>
  return [start, stop, health].every(method => typeof method === 'function')
}
