import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Token, token } from '../container.ts'
import { messageOf } from '../errors.ts'
import type { Events, NodePhase } from '../events.ts'
import type { FirstCipher } from '../network/ciphers.ts'
import type { NetworkStatus } from '../network/status.ts'
import type { Health } from '../plugin.ts'
import type { WearStatus } from '../resources/wear-gauge.ts'
import type { Pins } from '../services/pins.ts'
import type { Storage, StorageRepair, StorageStats } from '../storage/storage.ts'
import type { ChangeFeed } from './change-feed.ts'
import type { PeerSummary, Peers } from './peer-state.ts'

/** One picture of the node. The CLI, `/status`, the dashboard and the metrics all read it. Plain JSON. */
export interface NodeStatus {
  /** Of the last change that was told as an event; `/events` follows from there. */
  readonly sequence: number
  /** Tells this run of the node from the others: sequences of one say nothing in another. */
  readonly run: string
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
  readonly network: NetworkStatus & {
    /** The cipher that goes first in TLS: what this processor does faster. */
    readonly firstCipher: FirstCipher
  }
  /** `wear`: what is written to the disk, and how long it bears that. `repairs`: damage found at the start, and what was done. */
  readonly storage: StorageStats & { readonly wear: WearStatus; readonly repairs: readonly StorageRepair[] }
  readonly pins: { readonly pinned: number; readonly pinning: number }
  readonly plugins: readonly PluginStatus[]
  /** What each plugin adds, by plugin name. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface PluginStatus {
  readonly name: string
  /** Empty where it is disabled, hence not loaded. */
  readonly version: string
  readonly state: 'registered' | 'starting' | 'running' | 'failed' | 'blocked' | 'disabled' | 'stopped'
  readonly health: Health
  /** What to do about a plugin that doesn't run. */
  readonly fix?: string
  /** Background loops and how they do. */
  readonly loops: readonly LoopStatus[]
  readonly requires: readonly string[]
  readonly provides: readonly string[]
  /** How long `start()` took. */
  readonly startMs?: number
}

/** A background loop. `waiting`: it failed and will be tried again. `broken`: it failed so often that tries are rare. */
export interface LoopStatus {
  readonly name: string
  readonly state: 'running' | 'waiting' | 'broken' | 'done'
  readonly restarts: number
}

export interface NodeState {
  status(): NodeStatus
  /** Adds a plugin's part to `details`. `read` is synchronous and cheap. Returns the function that removes it. */
  describe(name: string, read: () => unknown): () => void
}

export const NodeState: Token<NodeState> = token('node state')

/** The parts of a node that its status is read from. */
export interface NodeStateSources {
  readonly network: {
    readonly self: PeerId
    readonly firstCipher: FirstCipher
    addresses(): Multiaddr[]
    connections(): NodeStatus['connections']
    status(): NetworkStatus
  }
  readonly changes: Pick<ChangeFeed, 'run' | 'sequence'>
  readonly peers: Peers
  readonly storage: Storage
  readonly wear: { status(): WearStatus }
  readonly pins: Pins
  readonly plugins: () => readonly PluginStatus[]
  readonly events: Events
  readonly now: () => number
}

export interface NodeStateOptions {
  readonly version: string
  readonly profile: string
  readonly dataDirectory: string
}

/** What whoever runs a node tells its state, and asks of it. */
export interface NodeStateKeeper extends NodeState {
  enter(stage: 'running' | 'stopping'): void
  /** Tells, as events, how plugins and the node came to do otherwise since the last look. */
  review(): void
}

/** The lifecycle of a node and the one snapshot of it. */
export function createNodeState(
  options: NodeStateOptions,
  { network, peers, storage, wear, pins, plugins, events, changes, now }: NodeStateSources,
): NodeStateKeeper {
  const startedMs = now()
  const descriptions = new Map<string, () => unknown>()
  let stage: 'starting' | 'running' | 'stopping' = 'starting'

  const phaseFor = (reasons: readonly string[]): NodePhase => {
    if (stage !== 'running') return stage
    return reasons.length === 0 ? 'ready' : 'degraded'
  }

  /** What was told last, by plugin; and of the node. */
  const toldOf = new Map<string, string>()
  let toldOfNode = ''

  const review = (): void => {
    const statuses = plugins()
    for (const { name, state, health } of statuses) {
      const told = JSON.stringify([state, health])
      if (toldOf.get(name) === told) continue
      toldOf.set(name, told)
      const { status, reason } = health
      events.emit('plugin:changed', {
        plugin: name,
        state,
        health: status,
        ...(reason !== undefined && { reason }),
      })
    }
    const reasons = reasonsOf(statuses, wear.status(), storage.repairs)
    const phase = phaseFor(reasons)
    const told = JSON.stringify([phase, reasons])
    if (told === toldOfNode) return
    toldOfNode = told
    events.emit('node:phase', { phase, ...(reasons.length > 0 && { reason: reasons.join('; ') }) })
  }

  return {
    status() {
      const pluginStatuses = plugins()
      const wearStatus = wear.status()
      const reasons = reasonsOf(pluginStatuses, wearStatus, storage.repairs)
      const time = now()
      return {
        sequence: changes.sequence,
        run: changes.run,
        ...options,
        phase: phaseFor(reasons),
        reasons,
        startedMs,
        uptimeMs: time - startedMs,
        peerId: network.self.toString(),
        addresses: network.addresses().map(String),
        peers: peers.list(),
        connections: network.connections(),
        network: { ...network.status(), firstCipher: network.firstCipher },
        storage: { ...storage.blocks.stats(), wear: wearStatus, repairs: storage.repairs },
        pins: pins.counts(),
        plugins: pluginStatuses,
        details: Object.fromEntries(Array.from(descriptions, ([name, read]) => [name, described(read)])),
      }
    },
    describe(name, read) {
      descriptions.set(name, read)
      return () => descriptions.delete(name)
    },
    enter(next) {
      stage = next
      review()
    },
    review,
  }
}

/**
 * Why a node isn't ready: one line for each plugin that should run and doesn't, or isn't well, one for a disk that wears out, and
 * one for what was damaged and somebody has to see to.
 */
function reasonsOf(
  plugins: readonly PluginStatus[],
  { health: { reason } }: WearStatus,
  repairs: readonly StorageRepair[],
): string[] {
  const unwell = plugins
    .filter(({ state, health }) => state !== 'disabled' && (state !== 'running' || health.status !== 'ok'))
    .map(({ name, state, health }) => `${name}: ${health.reason ?? state}`)
  const repaired = repairs
    .filter(({ needsAttention }) => needsAttention)
    .map(({ message }) => `storage: ${message}`)
  return [...unwell, ...(reason === undefined ? [] : [`disk: ${reason}`]), ...repaired]
}

/** One plugin that can't describe itself must not cost the picture of the rest. */
function described(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return { error: messageOf(error) }
  }
}
