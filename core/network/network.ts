import type { PeerId, PrivateKey } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Datastore } from 'interface-datastore'
import type { Events, EvidenceKind } from '../events.ts'
import { systemClock } from '../host/clock.ts'
import type { Logger } from '../logger.ts'
import type { MetricFactory } from '../metrics.ts'
import type { PeerTable } from '../state/peer-state.ts'
import type { KeyValueStore, WaitOptions } from '../storage/storage.ts'
import { Attachments, LateRouter } from './attachments.ts'
import { blockRule, cutBlocked } from './block-guard.ts'
import { type Blocklist, NodeBlocklist } from './blocklist.ts'
import { detectFirstCipher, type FirstCipher } from './ciphers.ts'
import { countConnections, followConnections } from './connection-events.ts'
import { ConnectionKeeper } from './connection-keeper.ts'
import { type ConnectionOptions, HANDSHAKE_TIMEOUT_MS, maxHandshakes, trimMarks } from './connections.ts'
import { DialPace } from './dial-pace.ts'
import { Dialer } from './dialer.ts'
import { Doors } from './doors.ts'
import { Doorstep } from './doorstep.ts'
import { createGate, type Gate } from './gate.ts'
import { Handlers, type HandlersDependencies } from './handlers.ts'
import { InboundRate } from './inbound-rate.ts'
import { Lanes } from './lanes.ts'
import { buildLibp2p } from './libp2p.ts'
import { listenError } from './listen-error.ts'
import { loopbackRule } from './loopback.ts'
import { networkMetrics } from './metrics.ts'
import { OwnAddresses } from './own-addresses.ts'
import { PeerProbes } from './peer-probes.ts'
import { PeerQuota, type PeerUsage } from './peer-quota.ts'
import { PeerStoreLimit } from './peer-store-limit.ts'
import { PeerWorth } from './peer-worth.ts'
import { type OwnedPort, Ports } from './ports.ts'
import { PROBE_AFTER_MS } from './probe-plan.ts'
import type { ProtocolRow } from './protocols.ts'
import { type NetworkStatus, readStatus } from './status.ts'
import { StreamGuard, utilizationMeter } from './stream-guard.ts'
import { type Surroundings, systemSurroundings } from './surroundings.ts'
import type { SwarmKey } from './swarm-key.ts'
import { portOf } from './tcp-place.ts'
import { createTlsIdentity } from './tls-identity.ts'
import { Traffic } from './traffic.ts'
import { Upkeep } from './upkeep.ts'

export interface NetworkOptions extends ConnectionOptions {
  /** Multiaddrs; port 0 takes any, and the same again the next time. */
  readonly listen: readonly string[]
  /** Told to others instead of the addresses listened on; empty: those. */
  readonly announce: readonly string[]
  /** Who may not connect: IP addresses, networks, peer ids. */
  readonly blocked: readonly string[]
  /** Peers that libp2p's store keeps, on disk. */
  readonly maxPeers: number
  /** Memory that connections may hold, of what came and isn't read, and what was sent and isn't taken. */
  readonly maxHeldBytes: number
  /** Name and version that others see. */
  readonly agent: string
  /** How long a connected peer may be silent before it is asked whether it is there. */
  readonly probeAfterMs?: number
  /** Which TLS cipher goes first; by default what this CPU does faster. */
  readonly firstCipher?: FirstCipher
}

export interface NetworkDependencies {
  readonly privateKey: PrivateKey
  /** Of a private network, where the node is in one. */
  readonly swarmKey?: SwarmKey
  /** Keeps libp2p's peer store. */
  readonly datastore: Datastore
  /** Keeps what was blocked at run time, and the ports listened on. */
  readonly store: KeyValueStore
  readonly peers: PeerTable
  readonly events: Events
  readonly log: Logger
  readonly metrics: MetricFactory
  /** Whom protocols are served to that aren't for anyone. Default: nobody. */
  readonly trusts?: HandlersDependencies['trusts']
  /** Default: the machine and its clocks. */
  readonly surroundings?: Partial<Surroundings>
}

/** The node's network: one libp2p, and a port of it for each owner. */
export interface NodeNetwork {
  readonly self: PeerId
  readonly firstCipher: FirstCipher
  /** Who may connect; inbound connections are refused until {@link openGate}. */
  readonly gate: Gate
  readonly blocklist: Blocklist
  /** Other protocols on the same port, for those whom libp2p shall know nothing of. */
  readonly doors: Doors
  /** @throws SkepError LISTEN_FAILED */
  start(): Promise<void>
  openGate(): void
  /** Detaches, closes all connections and stops listening. Idempotent. */
  stop(): Promise<void>
  /** A view of the network for `owner`, whose handlers, gate rules and attachments `release` takes away. */
  port(owner: string): OwnedPort
  addresses(): Multiaddr[]
  connections(): { readonly inbound: number; readonly outbound: number; readonly max: number }
  status(): NetworkStatus
  /** The table of handled protocols. */
  protocols(): ProtocolRow[]
  /** What connections to `peer` are worth, by who says so and why. */
  worthOf(peer: PeerId): Readonly<Record<string, number>>
  /** What `peer` has asked of this node lately. */
  usageOf(peer: PeerId): PeerUsage
  /** Hangs up on `peer`, and drops what libp2p keeps of it. */
  forget(peer: PeerId, options?: WaitOptions): Promise<void>
}

export async function createNetwork(
  options: NetworkOptions,
  deps: NetworkDependencies,
): Promise<NodeNetwork> {
  const { peers, log } = deps
  const firstCipher = options.firstCipher ?? detectFirstCipher()
  const traffic = new Traffic()
  const surroundings = { ...systemSurroundings, ...deps.surroundings }
  const { nowMs, wallMs } = surroundings
  const blocklist = new NodeBlocklist(options, { store: deps.store, log, nowMs, wallMs })
  const metrics = networkMetrics(deps.metrics, {
    receivedBytes: () => traffic.receivedBytes,
    sentBytes: () => traffic.sentBytes,
    dialQueue: () => libp2p.getDialQueue().length,
    handshakes: () => doorstep.size,
    peerStreams: () => quota.openStreams,
    heldBytes: () => guard.heldBytes,
  })
  const gate = createGate({ log, onRefuse: reason => metrics.refusedConnections.inc({ reason }) })
  const inboundRate = new InboundRate(
    { perHost: options.maxInboundPerSecond, perSubnet: options.maxInboundPerSubnet },
    { nowMs },
  )
  const doorstep = new Doorstep(
    { maxHandshakes: maxHandshakes(options), timeoutMs: HANDSHAKE_TIMEOUT_MS },
    { nowMs, rate: inboundRate, onRefuse: reason => gate.refuse(reason) },
  )
  gate.add(blockRule(blocklist), 'blocked')
  gate.add(doorstep.rule, 'handshakes')
  gate.add(traffic.rule)
  const pace = new DialPace(
    { perSecond: options.maxDialsPerSecond },
    { clock: systemClock, onWait: () => metrics.delayedDials.inc() },
  )
  const quota = new PeerQuota(options, { clock: nowMs })
  const report = (peer: PeerId, kind: EvidenceKind, detail: string): void => peers.report(peer, kind, detail)
  const handlers = new Handlers({
    registrar: {
      handle: (id, handler, handling) => libp2p.handle(id, handler, handling),
      unhandle: id => libp2p.unhandle(id),
    },
    quota,
    report,
    trusts: deps.trusts ?? (() => false),
    metrics,
    log,
    clock: () => performance.now(),
  })
  const guard = new StreamGuard(
    { maxHeldBytes: options.maxHeldBytes },
    { quota, report, metrics, log, nowMs, utilization: utilizationMeter() },
  )
  const router = new LateRouter()
  const tls = createTlsIdentity(deps.privateKey, { firstCipher })
  const { libp2p, components } = await buildLibp2p(options, {
    privateKey: deps.privateKey,
    tls,
    datastore: deps.datastore,
    store: deps.store,
    gater: gate.gater,
    pace,
    doorstep,
    table: handlers,
    peerRouting: router,
    ...(deps.swarmKey && { swarmKey: deps.swarmKey }),
    log,
  })
  const isPrivate = components.connectionProtector !== undefined
  const attachments = new Attachments({ components: () => components, table: handlers, router, log })
  gate.add(loopbackRule(peer => libp2p.getConnections(peer)))
  const isConnected = (peer: PeerId): boolean => libp2p.getConnections(peer).length > 0
  const worths = new PeerWorth(options, { connected: () => new Set(libp2p.getPeers().map(String)) })
  const keeper = new ConnectionKeeper(trimMarks(options), {
    self: libp2p.peerId,
    connections: peer => libp2p.getConnections(peer),
    worthOf: peer => worths.of(peer),
    recentBytes: peer => traffic.recentBytes(peer),
    check: connections => probes.check(connections),
    lanes: peer => lanes.count(peer),
    metrics,
    log,
    nowMs,
  })
  const dialer = new Dialer(
    { dialTimeoutMs: options.dialTimeoutMs },
    { libp2p, peers, connectionsTo: peer => keeper.to(peer), blocklist, metrics },
  )

  const probes = new PeerProbes(
    { probeAfterMs: options.probeAfterMs ?? PROBE_AFTER_MS },
    {
      connections: peer => libp2p.getConnections(peer),
      receivedBytes: () => traffic.receivedByPeer(),
      ping: peer => dialer.ping(peer),
      peers,
      metrics,
      log,
      nowMs,
      random: Math.random,
    },
  )

  const peerStoreLimit = new PeerStoreLimit(options, {
    peerStore: libp2p.peerStore,
    isConnected,
    log,
  })

  const ports = new Ports({
    libp2p,
    isPrivate,
    connectionsTo: peer => keeper.to(peer),
    dialer,
    check: () => probes.check(),
    lanes: () => lanes,
    handlers,
    gate,
    attachments,
    worths,
    peers,
  })
  const doors = new Doors({ isShut: isPrivate }, { tls, doorstep, log })
  const lanes = new Lanes(
    { isProtected: isPrivate },
    {
      network: ports.create('network').port,
      doors,
      serve: (protocol, pipe, peer) => handlers.serve(protocol, pipe, peer),
      ports: () => components.transportManager.getAddrs().flatMap(address => portOf(address) ?? []),
      traffic,
      pace,
      metrics,
    },
  )
  gate.add(doors.rule)
  // What goes to a door is none of libp2p's connections, so it comes before.
  gate.add(keeper.rule, 'full')

  blocklist.onBlock = () => cutBlocked(libp2p.getConnections(), { blocklist, traffic, log })
  const ownAddresses = new OwnAddresses({
    current: () => libp2p.getMultiaddrs(),
    publish: async addresses => {
      const multiaddrs = addresses.map(address => address.decapsulate(`/p2p/${libp2p.peerId}`))
      await libp2p.peerStore.patch(libp2p.peerId, { multiaddrs })
    },
    events: deps.events,
    log,
  })
  followConnections({
    libp2p,
    guard,
    keeper,
    probes,
    lanes,
    peers,
    peerStoreLimit,
    ownAddresses,
    metrics,
  })
  const upkeep = new Upkeep({
    keeper,
    guard,
    ownAddresses,
    probes,
    traffic,
    surroundings,
    events: deps.events,
    log,
  })

  return {
    self: libp2p.peerId,
    firstCipher,
    gate,
    blocklist,
    doors,
    async start() {
      // What an earlier run left counts, too.
      await peerStoreLimit.trim()
      try {
        await libp2p.start()
      } catch (error) {
        throw listenError(options.listen, error)
      }
      await doors.start()
      await lanes.start()
      upkeep.start()
    },
    openGate: () => gate.open(),
    async stop() {
      gate.close()
      upkeep.stop()
      pace.stop()
      probes.stop()
      doors.stop()
      lanes.stop()
      await attachments.releaseAll()
      await libp2p.stop()
      await peerStoreLimit.stop()
    },
    port: owner => ports.create(owner),
    addresses: () => libp2p.getMultiaddrs(),
    connections: () => ({ ...countConnections(libp2p), max: options.maxConnections }),
    status: () =>
      readStatus({
        components,
        connections: keeper.counts(),
        traffic: traffic.status(nowMs()),
        dials: { queued: libp2p.getDialQueue().length },
        trimmed: keeper.trimmed,
        blocked: blocklist.list().length,
        refused: { ...gate.refused },
        load: {
          handshakes: doorstep.size,
          maxHandshakes: maxHandshakes(options),
          peerStreams: quota.openStreams,
          maxPeerStreams: quota.maxStreams,
          heldBytes: guard.heldBytes,
          maxHeldBytes: options.maxHeldBytes,
        },
        isPrivate,
      }),
    protocols: () => handlers.rows(),
    worthOf: peer => worths.reasons(peer),
    usageOf: peer => quota.usageOf(peer.toString()),
    async forget(peer, wait) {
      await libp2p.hangUp(peer, wait)
      await libp2p.peerStore.delete(peer, wait)
    },
  }
}
