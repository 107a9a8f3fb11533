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
    connections: gauge('connections', 'Open connections, by who opened them.', 'direction'),
    maxConnections: gauge('max_connections', 'Connections that the node keeps at most.'),
    blocks: gauge('storage_blocks', 'Blocks held.'),
    usedBytes: gauge('storage_used_bytes', 'Disk bytes that blocks take.'),
    reservedBytes: gauge('storage_reserved_bytes', 'Disk bytes set aside for writes under way.'),
    maxBytes: gauge('storage_max_bytes', 'Disk bytes that blocks may take.'),
    freeDiskBytes: gauge('storage_free_disk_bytes', 'Free bytes of the file system.'),
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
  let countedCpuSeconds = 0

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
    gauges.connections.set({ direction: 'inbound' }, connections.inbound)
    gauges.connections.set({ direction: 'outbound' }, connections.outbound)
    gauges.maxConnections.set(connections.max)
    gauges.blocks.set(storage.blocks)
    gauges.usedBytes.set(storage.usedBytes)
    gauges.reservedBytes.set(storage.reservedBytes)
    gauges.maxBytes.set(storage.maxBytes)
    gauges.freeDiskBytes.set(storage.freeDiskBytes)
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

const PHASES: readonly NodeStatus['phase'][] = ['starting', 'ready', 'degraded', 'stopping']
const LIVENESS: readonly NodeStatus['peers'][number]['liveness'][] = [
  'connected',
  'reachable',
  'suspect',
  'down',
]
