import type { Metrics, NodeState } from '../../core/api.ts'
import type { HealthRounds } from './health-rounds.ts'
import type { LoopLag } from './loop-lag.ts'
import type { NodeMetrics } from './node-metrics.ts'
import { readProcessUse } from './process-use.ts'
import type { Answer } from './server.ts'

export interface RoutesDependencies {
  readonly state: NodeState
  readonly metrics: Metrics
  readonly nodeMetrics: NodeMetrics
  readonly rounds: HealthRounds
  readonly loopLag: LoopLag
}

/** What is answered where. */
export function createRoutes({
  state,
  metrics,
  nodeMetrics,
  rounds,
  loopLag,
}: RoutesDependencies): Readonly<Record<string, () => Promise<Answer>>> {
  return {
    async '/livez'() {
      const turnMs = await loopLag.turnMs()
      return { status: 200, body: { status: 'ok', loopTurnMs: turnMs } }
    },
    async '/readyz'() {
      const { status, probes } = await rounds.check()
      const { phase, reasons } = state.status()
      const isReady = status !== 'failed' && (phase === 'ready' || phase === 'degraded')
      return { status: isReady ? 200 : 503, body: { ready: isReady, phase, reasons, probes } }
    },
    async '/healthz'() {
      const round = await rounds.check()
      return { status: round.status === 'failed' ? 503 : 200, body: round }
    },
    async '/status'() {
      return { status: 200, body: state.status() }
    },
    async '/metrics'() {
      nodeMetrics(state.status(), readProcessUse(loopLag.recentMs()))
      return { status: 200, body: await metrics.text(), contentType: metrics.contentType }
    },
  }
}
