import { type Token, token } from '../container.ts'
import type { Health } from '../plugin.ts'
import type { StorageStats } from '../storage/storage.ts'
import type { PeerSummary } from './peer-state.ts'

export type NodePhase = 'starting' | 'ready' | 'degraded' | 'stopping'

/** One picture of the node. The CLI, `/status`, the dashboard and the metrics all read it. Plain JSON. */
export interface NodeStatus {
  readonly version: string
  readonly phase: NodePhase
  /** Why the phase is `degraded`. */
  readonly reasons: readonly string[]
  readonly startedMs: number
  readonly uptimeMs: number
  readonly profile: string
  readonly dataDirectory: string
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly peers: readonly PeerSummary[]
  readonly connections: { readonly inbound: number; readonly outbound: number; readonly max: number }
  readonly storage: StorageStats
  readonly pins: { readonly pinned: number; readonly pinning: number }
  readonly plugins: readonly PluginStatus[]
  /** What each plugin adds, by plugin name. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface PluginStatus {
  readonly name: string
  readonly version: string
  readonly state: 'registered' | 'starting' | 'running' | 'failed' | 'blocked' | 'disabled' | 'stopped'
  readonly health: Health
  /** Background loops and how they do. */
  readonly loops: readonly {
    readonly name: string
    readonly state: 'running' | 'waiting' | 'broken' | 'done'
    readonly restarts: number
  }[]
  readonly requires: readonly string[]
  readonly provides: readonly string[]
  readonly startMs?: number
}

export interface NodeState {
  status(): NodeStatus
  /** Adds a plugin's part to `details`. `read` is synchronous and cheap. Returns the function that removes it. */
  describe(name: string, read: () => unknown): () => void
}

export const NodeState: Token<NodeState> = token('node state')
