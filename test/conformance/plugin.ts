import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import { describeExpected, readValue } from '../../core/config/formats.ts'
import { isSchemaKey, type SchemaKey, type SchemaTree } from '../../core/config/schema.ts'
import { find, nameOf, provide, type Token } from '../../core/container.ts'
import { systemClock, within } from '../../core/host/clock.ts'
import { createHost } from '../../core/host/plugin-host.ts'
import { Supervisor } from '../../core/host/supervisor.ts'
import { silentLogger } from '../../core/logger.ts'
import type { NetworkPort } from '../../core/network/network-port.ts'
import type { Plugin, PluginInstance } from '../../core/plugin.ts'
import {
  type DeclaredMetric,
  healthProblems,
  manifestProblems,
  metricProblems,
  recordMetrics,
  schemaProblems,
} from './declarations.ts'
import { type IoWatch, watchIo } from './io-watch.ts'
import { createTestCore, type Root, type TestCore } from './test-core.ts'

/** As a node has them. */
const LIMITS = { startTimeoutMs: 30_000, stopTimeoutMs: 10_000 }

type DeepPartial<T> = T extends readonly unknown[] ? T : { readonly [K in keyof T]?: DeepPartial<T[K]> }

export interface ConformanceOptions<C extends object, M> {
  readonly plugin: Plugin<C, M>
  /** What differs from the defaults. */
  readonly config?: DeepPartial<C>
  /** Stands in for other plugins: services that this one requires or wants and the core doesn't have. */
  readonly services?: readonly (readonly [token: Token<unknown>, service: unknown])[]
}

/**
 * What every plugin must hold to, third-party ones too, in a core of real parts:
 *
 *     import t from 'tap'
 *     import { pluginConformance } from 'skep/conformance'
 *     import plugin from './index.ts'
 *
 *     pluginConformance(t, { plugin })
 */
export function pluginConformance<C extends object, M>(t: Test, options: ConformanceOptions<C, M>): void {
  const subject = new Subject(options)
  const { plugin } = subject
  const { name, requires, wants } = plugin.manifest

  t.test(`plugin ${name}`, async t => {
    t.test('its manifest is sound', async t => {
      t.strictSame(manifestProblems(plugin.manifest), [])
    })

    t.test('its schema says what each key is for and what it takes', async t => {
      t.strictSame(schemaProblems(plugin.schema), [])
    })

    t.test('its metrics are named and explained', async t => {
      const core = await openCore(t)
      const declared: DeclaredMetric[] = []
      plugin.metrics(recordMetrics(core.metrics.factory(name), declared))
      t.strictSame(metricProblems(declared, name), [])
    })

    t.test('it registers without I/O', async t => {
      const core = await openCore(t)
      const root = await subject.createRoot(core, [...requires, ...wants])
      const calls: string[] = []
      const io = openWatch(t)
      const { stop, release } = io.run(() => subject.register(core, root, port => noteCalls(port, calls)))
      await turn()
      t.strictSame(io.opened(), [], 'register() begins no timer, file or socket')
      t.strictSame(calls, [], 'register() leaves the network alone')
      await stop()
      await release()
      await root.close()
    })

    t.test('it starts with only what it requires', async t => {
      await subject.live(t, await openCore(t), requires)
    })

    t.test('it starts beside what it wants, and starts again in the same node', async t => {
      const core = await openCore(t)
      await subject.live(t, core, [...requires, ...wants])
      await subject.live(t, core, [...requires, ...wants])
    })

    t.test('its health is told at once, at any time', async t => {
      await subject.withInstance(t, async ({ instance, stop }) => {
        t.strictSame(healthProblems(instance.health()), [], 'before it starts')
        await instance.start()
        t.strictSame(healthProblems(instance.health()), [], 'while it runs')
        await stop()
        t.strictSame(healthProblems(instance.health()), [], 'after it stopped')
      })
    })

    t.test('it stops without a start', t => subject.withInstance(t, ({ stop }) => stop()))

    t.test('it stops twice', t =>
      subject.withInstance(t, async ({ instance, stop }) => {
        await instance.start()
        await stop()
        await stop()
      }),
    )

    t.test('it stops in the midst of its start', t =>
      subject.withInstance(t, async ({ instance, abort, stop }) => {
        const starting = instance.start().catch(() => {})
        abort()
        await withinStop('start() after its signal', () => starting)
        await stop()
      }),
    )

    t.test('it stops after a start that the network refused', t =>
      subject.withInstance(
        t,
        async ({ instance, stop }) => {
          await instance.start().catch(() => {})
          await stop()
        },
        refuse,
      ),
    )
  })
}

/** A plugin registered by hand, for what a host never does. */
interface Registered {
  readonly instance: PluginInstance
  /** Aborts its signal. */
  abort(): void
  stop(): Promise<void>
  /** Takes back its network and its metrics. */
  release(): Promise<void>
}

type Tamper = (port: NetworkPort) => NetworkPort

/** The plugin under test. */
class Subject<C extends object, M> {
  readonly plugin: Plugin
  readonly #config: object
  readonly #services: readonly (readonly [Token<unknown>, unknown])[]

  constructor({ plugin, config, services = [] }: ConformanceOptions<C, M>) {
    this.plugin = plugin as unknown as Plugin
    this.#config = configOf(plugin.schema as SchemaTree, (config ?? {}) as Changes)
    this.#services = services
  }

  async createRoot(core: TestCore, tokens: readonly Token<unknown>[]): Promise<Root> {
    const root = await core.createRoot(tokens)
    for (const [token, service] of this.#services) {
      if (tokens.includes(token)) provide(root.container, token, service)
    }
    return root
  }

  /** A whole life in a host that has `tokens`. */
  async live(t: Test, core: TestCore, tokens: readonly Token<unknown>[]): Promise<void> {
    const { provides } = this.plugin.manifest
    const io = openWatch(t)
    const root = await this.createRoot(core, tokens)
    const host = createHost(
      {
        ...LIMITS,
        entries: [{ plugin: this.plugin, config: this.#config, onFailure: 'degrade' }],
        disabled: [],
      },
      {
        container: root.container,
        log: silentLogger,
        metrics: core.metrics,
        portFor: owner => core.network.port(owner),
      },
    )
    await io.run(async () => {
      await host.registerAll()
      await host.startAll({ signal: new AbortController().signal })
    })
    const { text, plugins } = host.report()
    t.equal(plugins[0]?.state, 'running', text)
    const absent = provides.filter(token => find(root.container, token) === undefined).map(nameOf)
    t.strictSame(absent, [], 'what it provides is there')
    await t.resolves(root.listen(), 'its routes can be served')
    await t.resolves(host.stopAll(), 'it stops')
    await root.close()
    t.strictSame(core.state.status().details, {}, 'it leaves the status')
    t.strictSame(await io.remaining(), [], 'it leaves nothing open')
  }

  register(core: TestCore, { container }: Root, tamper: Tamper = port => port): Registered {
    const { name } = this.plugin.manifest
    const abort = new AbortController()
    const { signal } = abort
    const dependencies = { log: silentLogger, clock: systemClock, random: Math.random }
    const supervisor = new Supervisor({ signal }, dependencies)
    const owned = core.network.port(name)
    const instance = this.plugin.register(container.createChildContainer(), {
      config: this.#config,
      metrics: this.plugin.metrics(core.metrics.factory(name)),
      log: silentLogger,
      signal,
      network: tamper(owned.port),
      supervise: (loop, body) => supervisor.supervise(loop, body),
    })
    return {
      instance,
      abort: () => abort.abort(),
      async stop() {
        abort.abort()
        await withinStop('stop()', () => instance.stop())
        await withinStop(`its loops (${supervisor.unfinished()})`, () => supervisor.ended())
      },
      async release() {
        await owned.release()
        core.metrics.drop(name)
      },
    }
  }

  /** Registers the plugin for `use`, which stops it, and looks at what is left. */
  async withInstance(
    t: Test,
    use: (registered: Registered) => Promise<void>,
    tamper?: Tamper,
  ): Promise<void> {
    const { requires, wants } = this.plugin.manifest
    const core = await openCore(t)
    const io = openWatch(t)
    const root = await this.createRoot(core, [...requires, ...wants])
    const registered = io.run(() => this.register(core, root, tamper))
    await t.resolves(io.run(() => use(registered)))
    await registered.release()
    await root.close()
    t.strictSame(core.state.status().details, {}, 'it leaves the status')
    t.strictSame(await io.remaining(), [], 'it leaves nothing open')
  }
}

async function openCore(t: Test): Promise<TestCore> {
  const core = await createTestCore()
  t.teardown(() => core.stop())
  return core
}

function openWatch(t: Test): IoWatch {
  const watch = watchIo()
  t.teardown(() => watch.close())
  return watch
}

type Changes = Readonly<Record<string, unknown>>

/** The config that a schema makes of its defaults and `changes`, frozen as a node's is. */
function configOf(schema: SchemaTree, changes: Changes): object {
  const entries = Object.entries(schema).map(([name, node]) => {
    const change = changes[name]
    return [
      name,
      isSchemaKey(node) ? configValue(name, node, change) : configOf(node, (change ?? {}) as Changes),
    ]
  })
  return Object.freeze(Object.fromEntries(entries))
}

function configValue(name: string, key: SchemaKey<unknown>, change: unknown): unknown {
  const value = change ?? key.default
  if (value === undefined) return undefined
  const result = readValue(key, { value, isText: false, baseDirectory: process.cwd() })
  if ('value' in result) return result.value
  throw new Error(`config ${name} is ${value}, expected ${describeExpected(key)}`)
}

async function withinStop(what: string, work: () => Promise<void>): Promise<void> {
  const { stopTimeoutMs } = LIMITS
  await within(
    stopTimeoutMs,
    work,
    () => new Error(`${what} took longer than ${stopTimeoutMs} ms`),
    systemClock,
  )
}

/** What goes out to the network, or makes others come in. */
const ACTIVE = ['dial', 'hangUp', 'ping', 'handle', 'open', 'attach', 'detach'] as const

function isActive(method: string | symbol): boolean {
  return ACTIVE.some(name => name === method)
}

function noteCalls(port: NetworkPort, calls: string[]): NetworkPort {
  return new Proxy(port, {
    get(target, method, receiver) {
      if (isActive(method)) calls.push(`network.${String(method)}`)
      return Reflect.get(target, method, receiver)
    },
  })
}

function refuse(port: NetworkPort): NetworkPort {
  return new Proxy(port, {
    get(target, method, receiver) {
      if (!isActive(method)) return Reflect.get(target, method, receiver)
      return async () => {
        throw new Error(`the network refused ${String(method)}`)
      }
    },
  })
}
