import { ChangeFeed, definePlugin, HEALTHY, Metrics, NodeState, Storage, use } from '../../core/api.ts'
import { type MonitoringConfig, schema } from './config.ts'
import { EventStreams } from './event-streams.ts'
import { HealthRounds } from './health-rounds.ts'
import { LoopLag } from './loop-lag.ts'
import { createMonitoringMetrics, type MonitoringMetrics } from './metrics.ts'
import { createNodeMetrics, NODE_SCOPE } from './node-metrics.ts'
import { createProbes } from './probes.ts'
import { createRoutes } from './routes.ts'
import { MonitoringServer } from './server.ts'

/** Tells over HTTP how the node is: probes that do the work, status, metrics. */
export default definePlugin<MonitoringConfig, MonitoringMetrics>({
  manifest: {
    name: 'monitoring',
    version: '0.1.0',
    requires: [Storage, NodeState, Metrics, ChangeFeed],
    wants: [],
    provides: [],
  },
  schema,
  metrics: createMonitoringMetrics,
  register(container, { config, metrics: own, log, network, signal }) {
    const state = use(container, NodeState)
    const metrics = use(container, Metrics)
    const nowMs = (): number => performance.now()
    const loopLag = new LoopLag({ nowMs })
    const rounds = new HealthRounds(config, {
      probes: createProbes(config, {
        storage: use(container, Storage),
        network,
        state,
        loopLag,
        random: Math.random,
      }),
      nowMs,
      signal,
      onResult({ name: probe, status, durationMs }) {
        own.probeSeconds.set({ probe }, durationMs / 1000)
        if (status === 'failed') own.probeFailures.inc({ probe })
      },
    })
    const nodeMetrics = createNodeMetrics(metrics.factory(NODE_SCOPE))
    const events = new EventStreams(
      { maxListeners: config.maxEventListeners, heartbeatMs: config.eventHeartbeatMs },
      {
        changes: use(container, ChangeFeed),
        signal,
        onListeners: listeners => own.eventListeners.set(listeners),
      },
    )
    const server = new MonitoringServer(config, {
      routes: createRoutes({ state, metrics, nodeMetrics, rounds, loopLag }),
      streams: { '/events': (request, reply) => events.answer(request, reply) },
      onAnswered: (route, status) => own.requests.inc({ route, status }),
      log,
    })
    let undescribe = (): void => {}
    return {
      async start() {
        loopLag.start()
        await server.listen()
        undescribe = state.describe('monitoring', () => ({ url: server.url }))
        log.info({ url: server.url }, 'monitoring listens')
      },
      async stop() {
        undescribe()
        loopLag.stop()
        await server.close()
        metrics.drop(NODE_SCOPE)
      },
      health: () => HEALTHY,
    }
  },
})
