import type { Health, NetworkPort, NodeState, Storage } from '../../core/api.ts'
import type { MonitoringConfig } from './config.ts'
import type { LoopLag } from './loop-lag.ts'

/** What a probe saw. */
export type Outcome = Health & { readonly detail?: string }

/** One check of the node that does real work. Throwing is failing. */
export interface Probe {
  readonly name: string
  run(signal: AbortSignal): Promise<Outcome>
}

export interface ProbeDependencies {
  readonly storage: Storage
  readonly network: NetworkPort
  readonly state: NodeState
  readonly loopLag: LoopLag
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Peers asked in one round: one may be gone without our knowing, three hardly. */
const MAX_PINGS = 3

/** How long they may take, of the time that the probe has: that they are silent is to be told before the probe itself is late. */
const PING_TIME_SHARE = 0.7

export function createProbes(
  {
    maxLoopLagMs,
    writeProofMs,
    probeTimeoutMs,
  }: Pick<MonitoringConfig, 'maxLoopLagMs' | 'writeProofMs' | 'probeTimeoutMs'>,
  { storage, network, state, loopLag, random }: ProbeDependencies,
): Probe[] {
  return [
    {
      name: 'storage',
      async run(signal) {
        const { flushedMsAgo } = await storage.probe({ signal, maxAgeMs: writeProofMs })
        const wrote =
          flushedMsAgo === 0
            ? 'wrote, flushed'
            : `last write flushed ${Math.ceil(flushedMsAgo / 1000)} s ago, writable`
        return { status: 'ok', detail: `${wrote} and read back` }
      },
    },
    {
      name: 'event-loop',
      async run() {
        return judgeLag(await loopLag.turnMs(), loopLag.recentMs(), maxLoopLagMs)
      },
    },
    {
      name: 'peers',
      async run(signal) {
        const peers = pick(network.connectedPeers(), MAX_PINGS, random)
        if (peers.length === 0) return { status: 'ok', detail: 'no peer is connected' }
        const limit = AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs * PING_TIME_SHARE)])
        try {
          const latencyMs = await Promise.any(peers.map(peer => network.ping(peer, { signal: limit })))
          return { status: 'ok', detail: `a peer answered within ${Math.ceil(latencyMs)} ms` }
        } catch {
          // Theirs, as far as we can tell: this node goes on serving whoever comes.
          return { status: 'degraded', reason: `none of ${peers.length} connected peers answered a ping` }
        }
      },
    },
    {
      name: 'disk-wear',
      async run() {
        return judgeWear(state.status().storage.wear)
      },
    },
    {
      name: 'plugins',
      async run() {
        return judgePlugins(state.status().plugins)
      },
    },
  ]
}

export function judgeLag(turnMs: number, recentMs: number, maxLoopLagMs: number): Outcome {
  const said = `a turn took ${Math.ceil(turnMs)} ms, the latest of late ${Math.ceil(recentMs)} ms`
  if (turnMs > maxLoopLagMs) return { status: 'failed', reason: `${said}; the limit is ${maxLoopLagMs} ms` }
  if (recentMs > maxLoopLagMs)
    return { status: 'degraded', reason: `${said}; the limit is ${maxLoopLagMs} ms` }
  return { status: 'ok', detail: said }
}

export function judgeWear({
  source,
  health,
  writtenBytesPerDay,
}: ReturnType<NodeState['status']>['storage']['wear']): Outcome {
  if (health.status !== 'ok') return health
  if (source === null) return { status: 'ok', detail: 'nothing here counts writes' }
  if (writtenBytesPerDay === null) return { status: 'ok', detail: 'too early to tell' }
  return { status: 'ok', detail: `${Math.ceil(writtenBytesPerDay / 1e6)} MB a day, counted by ${source}` }
}

/** The worst of all plugins. A plugin that is starting or stopping says so itself and is `degraded`. */
export function judgePlugins(plugins: ReturnType<NodeState['status']>['plugins']): Outcome {
  const unwell = plugins.filter(({ state, health }) => state !== 'disabled' && health.status !== 'ok')
  if (unwell.length === 0) return { status: 'ok', detail: `${plugins.length} plugins are well` }
  return {
    status: unwell.some(({ health }) => health.status === 'failed') ? 'failed' : 'degraded',
    reason: unwell.map(({ name, state, health }) => `${name}: ${health.reason ?? state}`).join('; '),
  }
}

/** Up to `count` of `items`, by chance. */
function pick<T>(items: readonly T[], count: number, random: () => number): T[] {
  const rest = [...items]
  const picked: T[] = []
  while (picked.length < count && rest.length > 0) {
    picked.push(...rest.splice(Math.floor(random() * rest.length), 1))
  }
  return picked
}
