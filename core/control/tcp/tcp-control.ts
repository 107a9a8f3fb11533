import type { Logger } from '../../logger.ts'
import type { Metrics } from '../../metrics.ts'
import type { ControlConfig } from '../config.ts'
import { createControlMetrics } from '../metrics.ts'
import type { ControlServer } from '../server.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { TcpEntrance } from './tcp-entrance.ts'
import { TcpListener } from './tcp-listener.ts'

export interface TcpControlDependencies {
  readonly control: Pick<ControlServer, 'serve'>
  readonly tokens: Pick<Tokens, 'judge' | 'review'>
  readonly metrics: Metrics
  readonly log: Logger
}

const SCOPE = 'control'

/** The control API by TCP, for those with a token; undefined where no port is configured. To be made before the control listens. */
export function createTcpControl(
  config: ControlConfig,
  { control, tokens, metrics, log }: TcpControlDependencies,
): TcpListener | undefined {
  const { port } = config
  if (port === undefined) return undefined
  const nowMs = (): number => performance.now()
  const own = createControlMetrics(metrics.factory(SCOPE), () => listener.connections)
  const listener = new TcpListener(
    { ...config, port },
    { metrics: own, log, nowMs, onReview: () => tokens.review() },
  )
  control.serve(listener.server, new TcpEntrance(config, { tokens, metrics: own, nowMs }))
  return listener
}
