import type { MetricFactory, NodeStatus } from '../../core/api.ts'
import type { ProcessUse } from './process-use.ts'

/** The scope of these metrics in the registry: they tell of the node, not of this plugin. */
export const NODE_SCOPE = 'node'

/** Sets every metric of the node from one snapshot, so that the metrics and the status can't disagree. */
export type NodeMetrics = (status: NodeStatus, use: ProcessUse) => void

export function createNodeMetrics(create: MetricFactory): NodeMetrics {
  const gauge = <L extends string = never>(name: string, help: string, ...labels: L[]) =>
    create.gauge({ name, help, labels })
  const gauges = {
    info: gauge('info', '1, with the version and the profile of the node.', 'version', 'profile'),
    phase: gauge('phase', '1 for the phase that the node is in, 0 for the others.', 'phase'),
    uptime: gauge('uptime_seconds', 'Time since the node started.'),
    peers: gauge('peers', 'Peers in the peer table, by liveness.', 'liveness'),
    peersBySource: gauge(
      'peers_by_source',
      'Peers in the peer table, by how they were found; unknown where nobody said.',
      'source',
    ),
    connections: gauge('connections', 'Open connections, by who opened them.', 'direction'),
    relayedConnections: gauge('relayed_connections', 'Open connections that go through a relay.'),
    changes: gauge('change_sequence', 'The number of the last change that /events told.'),
    maxConnections: gauge('max_connections', 'Connections that the node keeps at most.'),
    blocks: gauge('storage_blocks', 'Blocks held.'),
    usedBytes: gauge('storage_used_bytes', 'Disk bytes that the data directory takes.'),
    reservedBytes: gauge('storage_reserved_bytes', 'Disk bytes set aside for writes under way.'),
    maxBytes: gauge('storage_max_bytes', 'Disk bytes that the data directory may take.'),
    freeDiskBytes: gauge('storage_free_disk_bytes', 'Free bytes of the file system.'),
    writtenBytesPerDay: gauge(
      'storage_written_bytes_per_day',
      'Bytes a day that reach the disk of late, by what counts them. Absent until it is known.',
      'source',
    ),
    amplification: gauge(
      'storage_write_amplification',
      'Bytes that reached the disk for each byte of content stored, by what counts them. Absent until it is known.',
      'source',
    ),
    diskRatedBytes: gauge('disk_rated_bytes', 'What the disk is taken to bear in its life.'),
    diskLifeSeconds: gauge(
      'disk_life_seconds',
      'How long the disk is taken to last at the pace of late. Absent until it is known.',
    ),
    pins: gauge('pins', 'Pins, by state.', 'state'),
    pluginState: gauge('plugin_state', '1 for the state that a plugin is in.', 'plugin', 'state'),
    pluginHealth: gauge('plugin_health', '1 for the health of a plugin.', 'plugin', 'status'),
    loopRestarts: gauge(
      'plugin_loop_restarts',
      'Times that a background loop was restarted.',
      'plugin',
      'loop',
    ),
    loopLag: gauge('event_loop_lag_seconds', 'The latest that the event loop was in the last moments.'),
    residentBytes: gauge(
      'resident_memory_bytes',
      'Memory of the process, shared pages and page cache included.',
    ),
    anonymousBytes: gauge('anonymous_memory_bytes', 'Memory of the process that no file backs.'),
  }
  const cpuSeconds = create.counter({ name: 'cpu_seconds_total', help: 'CPU time used, user and system.' })
  const logicalBytes = create.counter({
    name: 'storage_logical_bytes_total',
    help: 'Payload bytes of blocks stored since the data directory was made.',
  })
  const writtenBytes = create.counter({
    name: 'storage_written_bytes_total',
    help: 'Bytes that reached the disk since the data directory was made, by what counts them: cgroup (own writes), device (of the whole machine), process (pages made dirty).',
    labels: ['source'],
  })
  let countedCpuSeconds = 0

  const showWear = ({ source, card, ...wear }: NodeStatus['storage']['wear']): void => {
    for (const metric of [gauges.writtenBytesPerDay, gauges.amplification, writtenBytes]) metric.reset()
    for (const metric of [gauges.diskRatedBytes, gauges.diskLifeSeconds]) metric.remove()
    logicalBytes.reset()
    logicalBytes.inc(wear.logicalBytes)
    if (source === null) return
    writtenBytes.inc({ source }, wear.writtenBytes)
    if (wear.writtenBytesPerDay !== null) gauges.writtenBytesPerDay.set({ source }, wear.writtenBytesPerDay)
    if (wear.amplification !== null) gauges.amplification.set({ source }, wear.amplification)
    gauges.diskRatedBytes.set(card.ratedBytes)
    if (card.daysLeft !== null) gauges.diskLifeSeconds.set(card.daysLeft * SECONDS_PER_DAY)
  }

  return (status, use) => {
    const { storage, pins, connections } = status
    // Whose labels come and go: what isn't set below is no more.
    gauges.pluginState.reset()
    gauges.pluginHealth.reset()
    gauges.loopRestarts.reset()

    gauges.info.set({ version: status.version, profile: status.profile }, 1)
    for (const phase of PHASES) gauges.phase.set({ phase }, Number(status.phase === phase))
    gauges.uptime.set(status.uptimeMs / 1000)
    for (const liveness of LIVENESS) gauges.peers.set({ liveness }, 0)
    for (const { liveness } of status.peers) gauges.peers.inc({ liveness })
    for (const source of SOURCES) gauges.peersBySource.set({ source }, 0)
    for (const { foundBy = 'unknown' } of status.peers) gauges.peersBySource.inc({ source: foundBy })
    gauges.connections.set({ direction: 'inbound' }, connections.inbound)
    gauges.connections.set({ direction: 'outbound' }, connections.outbound)
    gauges.relayedConnections.set(status.network.connections.relayed)
    gauges.changes.set(status.sequence)
    gauges.maxConnections.set(connections.max)
    gauges.blocks.set(storage.blocks)
    gauges.usedBytes.set(storage.usedBytes)
    gauges.reservedBytes.set(storage.reservedBytes)
    gauges.maxBytes.set(storage.maxBytes)
    gauges.freeDiskBytes.set(storage.freeDiskBytes)
    showWear(storage.wear)
    gauges.pins.set({ state: 'pinned' }, pins.pinned)
    gauges.pins.set({ state: 'pinning' }, pins.pinning)
    for (const { name: plugin, state, health, loops } of status.plugins) {
      gauges.pluginState.set({ plugin, state }, 1)
      gauges.pluginHealth.set({ plugin, status: health.status }, 1)
      for (const { name: loop, restarts } of loops) gauges.loopRestarts.set({ plugin, loop }, restarts)
    }
    gauges.loopLag.set(use.loopLagMs / 1000)
    gauges.residentBytes.set(use.residentBytes)
    if (use.anonymousBytes !== undefined) gauges.anonymousBytes.set(use.anonymousBytes)
    cpuSeconds.inc(Math.max(0, use.cpuSeconds - countedCpuSeconds))
    countedCpuSeconds = use.cpuSeconds
  }
}

const SECONDS_PER_DAY = 86_400
const PHASES: readonly NodeStatus['phase'][] = ['starting', 'ready', 'degraded', 'stopping']
const SOURCES: readonly (NonNullable<NodeStatus['peers'][number]['foundBy']> | 'unknown')[] = [
  'mdns',
  'bootstrap',
  'remembered',
  'exchange',
  'dht',
  'manual',
  'inbound',
  'unknown',
]
const LIVENESS: readonly NodeStatus['peers'][number]['liveness'][] = [
  'connected',
  'reachable',
  'suspect',
  'down',
]
