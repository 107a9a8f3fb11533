import { randomBytes } from 'node:crypto'
import type { LoadedConfig } from './config/load.ts'
import { createRootContainer, find, provide } from './container.ts'
import { createBlocks } from './content/blocks.ts'
import { Content } from './content/content.ts'
import { createContent } from './content/create-content.ts'
import { createPins } from './content/pins.ts'
import { Control } from './control/control.ts'
import { RemoteBoards } from './control/remote-boards.ts'
import { RemoteEntrance } from './control/remote-entrance.ts'
import { remoteRoutes } from './control/remote-route.ts'
import { addCoreRoutes } from './control/routes/core.ts'
import { createControl } from './control/server.ts'
import { createTcpControl } from './control/tcp/tcp-control.ts'
import { Tokens } from './control/tokens/tokens.ts'
import { createEvents, Events } from './events.ts'
import { FleetNode } from './fleet/fleet.ts'
import { createSigner } from './fleet/keys.ts'
import { Membership } from './fleet/membership.ts'
import { OwnerKeyFile } from './fleet/owner-key.ts'
import { createHost } from './host/plugin-host.ts'
import type { BootReport } from './host/report.ts'
import type { Logger } from './logger.ts'
import { createMetrics, Metrics } from './metrics.ts'
import { loadIdentity } from './network/identity.ts'
import { createNetwork } from './network/network.ts'
import { Network } from './network/network-port.ts'
import { loadSwarmKey } from './network/swarm-key.ts'
import { createMemoryBudget, MemoryBudget } from './resources/byte-budget.ts'
import { WearGauge } from './resources/wear-gauge.ts'
import { createServiceManager } from './service-manager.ts'
import { Blocks } from './services/blocks.ts'
import { Discovery } from './services/discovery.ts'
import { Fleet } from './services/fleet.ts'
import { Pins } from './services/pins.ts'
import { ChangeFeed, createChangeFeed } from './state/change-feed.ts'
import { createNodeState, NodeState, type NodeStatus } from './state/node-state.ts'
import { PeerShelf } from './state/peer-shelf.ts'
import { Peers } from './state/peer-state.ts'
import { createPeers } from './state/peer-table.ts'
import { PeerTags } from './state/peer-tags.ts'
import { createDatastore } from './storage/datastore.ts'
import { openStorage } from './storage/open.ts'
import { Storage } from './storage/storage.ts'

/** The core's own view of the network goes by this name. */
const CORE = 'core'
/** And what a user said of peers by this one. */
const USER = 'user'
const FLEET = 'fleet'
const CONTROL = 'control'

/** Enough that no two runs of a node have one name. */
const RUN_BYTES = 6
/** How soon others are told that a plugin isn't well: who needs it sooner asks for the status. */
const REVIEW_PERIOD_MS = 10_000

export interface NodeOptions {
  readonly config: LoadedConfig
  /** Everything of the node lives in it. Exists. */
  readonly dataDirectory: string
  readonly socketPath: string
  readonly version: string
  readonly log: Logger
  /** Where a service manager says how to reach it. Default: there is none. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Storage that can't be trusted any more: the process has to end once it is `idle`, and verify at the next start. */
  onFatal(error: Error, idle: Promise<void>): void
  /** Gives up the boot. */
  readonly signal?: AbortSignal
}

export interface SkepNode {
  status(): NodeStatus
  /** How the boot went: every plugin at once. */
  readonly bootReport: BootReport
  /** Stops everything in reverse order, storage last. Idempotent. Throws what went wrong, after all of it was tried. */
  stop(): Promise<void>
  /** Settles when the node has stopped, whoever asked for it. */
  readonly stopped: Promise<void>
}

/**
 * Builds the core, runs the plugins, and opens the gate. Where it throws, everything that had started has stopped.
 *
 * @throws SkepError of storage, network, host or control: the node can't run like this
 */
export async function startNode(options: NodeOptions): Promise<SkepNode> {
  await using boot = new AsyncDisposableStack()
  const {
    config,
    dataDirectory,
    socketPath,
    version,
    log,
    env = {},
    onFatal,
    signal = new AbortController().signal,
  } = options
  const { core } = config
  const metrics = createMetrics((err, metric) => log.error({ err, metric }, 'metric failed'))
  const events = createEvents((err, event) => log.error({ err, event }, 'event listener failed'))
  const changes = createChangeFeed({ run: randomBytes(RUN_BYTES).toString('hex') }, { events, now: Date.now })
  const memory = createMemoryBudget(core.memory.transferBytes)

  const storage = boot.adopt(
    await openStorage({ directory: dataDirectory, ...core.storage }, { log, onFatal }),
    storage => storage.close(),
  )
  const wear = boot.adopt(
    new WearGauge(
      { directory: dataDirectory, ...core.storage.wear },
      { storage, log, nowMs: () => performance.now() },
    ),
    wear => wear.stop(),
  )
  await wear.start()
  const shelf = boot.adopt(await PeerShelf.open({ store: storage.bookkeeping, log }), shelf => shelf.close())
  const tags = new PeerTags(storage.index)
  const peers = createPeers(core.network, { events, keeper: shelf, tags })
  const identity = await loadIdentity(dataDirectory)
  const { swarmKeyFile } = core.network
  const swarmKey = swarmKeyFile === undefined ? undefined : await loadSwarmKey(swarmKeyFile, { log })
  const ownerKey = new OwnerKeyFile(dataDirectory)
  const owner = await ownerKey.read()
  const membership = new Membership({
    store: storage.vault,
    signers: { self: createSigner(identity), owner: owner && createSigner(owner) },
    wallMs: Date.now,
    nowMs: () => performance.now(),
  })
  const network = boot.adopt(
    await createNetwork(
      {
        ...core.network,
        // Beside the budget, as nobody can wait for what is here already.
        maxHeldBytes: core.memory.transferBytes,
        agent: `skep/${version}`,
      },
      {
        privateKey: identity,
        ...(swarmKey && { swarmKey }),
        datastore: createDatastore(storage.bookkeeping, 'datastore'),
        store: storage.index,
        peers,
        events,
        trusts: (peer, trust) =>
          trust === 'own'
            ? (find(container, Discovery)?.isMember(peer) ?? false)
            : membership.trusts(peer, trust),
        log,
        metrics: metrics.factory('network'),
      },
    ),
    network => network.stop(),
  )
  const fleet = boot.adopt(
    new FleetNode(core.fleet, {
      membership,
      ownerKey,
      network: network.port(FLEET).port,
      doors: network.doors,
      peers,
      events,
      log,
      wallMs: Date.now,
    }),
    fleet => fleet.stop(),
  )
  const corePort = network.port(CORE).port
  const userPort = network.port(USER).port
  tags.follow((peer, name, value) => userPort.value(peer, name, value))

  const blocks = createBlocks({ storage: storage.blocks, memory, log })
  const pins = boot.adopt(createPins({ storage, blocks, events, log }), pins => pins.stop())
  const content = createContent({ storage, blocks, pins, memory })
  const control = createControl({ socketPath, ...core.control }, { log })
  const tokens = new Tokens({
    store: storage.vault,
    log,
    wallMs: Date.now,
    nowMs: () => performance.now(),
  })
  const tcpControl = createTcpControl(core.control, { control, tokens, metrics, log })

  const remote = boot.adopt(
    new RemoteEntrance({ control, network: network.port(CONTROL).port, fleet, events, log }),
    remote => remote.stop(),
  )

  const container = createRootContainer()
  const host = createHost(
    { ...core.host, entries: config.plugins, disabled: config.disabled },
    { container, log, metrics, portFor: name => network.port(name) },
  )
  const state = createNodeState(
    { version, profile: config.profile, dataDirectory },
    { network, peers, storage, wear, pins, plugins: () => host.statuses(), events, changes, now: Date.now },
  )
  state.describe('fleet', () => fleet.status())
  state.describe('protocols', () => network.protocols())
  if (tcpControl) state.describe('control', () => ({ url: tcpControl.url }))
  provide(container, Storage, storage)
  provide(container, Blocks, blocks)
  provide(container, Pins, pins)
  provide(container, Content, content)
  provide(container, MemoryBudget, memory)
  provide(container, Network, corePort)
  provide(container, Fleet, fleet)
  provide(container, Peers, peers)
  provide(container, Events, events)
  provide(container, ChangeFeed, changes)
  provide(container, Metrics, metrics)
  provide(container, Control, control)
  provide(container, NodeState, state)

  const stopping = Promise.withResolvers<void>()
  addCoreRoutes(control, {
    access: core.control.access,
    content,
    pins,
    storage,
    network: { ...corePort, worthOf: network.worthOf, usageOf: network.usageOf, forget: network.forget },
    blocklist: network.blocklist,
    fleet,
    peers,
    changes,
    state,
    config,
    tokens,
    stop: () => void stop().catch(() => {}),
  })

  control.routes(
    remoteRoutes(
      new RemoteBoards({ network: corePort, fleet, entrance: remote, nowMs: () => performance.now() }),
    ),
  )

  boot.defer(() => host.stopAll())
  await host.registerAll()
  signal.throwIfAborted()
  await network.start()
  await fleet.start()
  await pins.start()
  await host.startAll({ signal })
  network.openGate()
  boot.defer(() => control.close())
  boot.defer(() => state.enter('stopping'))
  state.enter('running')
  const reviews = setInterval(() => state.review(), REVIEW_PERIOD_MS).unref()
  boot.defer(() => clearInterval(reviews))
  await control.listen()
  await remote.start()
  boot.defer(() => tcpControl?.close())
  await tcpControl?.listen()
  const manager = createServiceManager({ env }, { status: () => state.status(), log })
  boot.defer(() => manager.stopping())
  await manager.ready()

  const running = boot.move()
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= running.disposeAsync()
    stopping.resolve(stopped)
    return stopped
  }
  return { status: () => state.status(), bootReport: host.report(), stop, stopped: stopping.promise }
}
