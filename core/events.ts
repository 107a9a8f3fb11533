import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { type Token, token } from './container.ts'
import type { Health } from './plugin.ts'

export type NodePhase = 'starting' | 'ready' | 'degraded' | 'stopping'

/** What happens in a node that more than one part may care about. Add an event here, and its payload is typed everywhere. */
export interface NodeEvents {
  'node:phase': { readonly phase: NodePhase; readonly reason?: string }
  /** A plugin came to another state or health. */
  'plugin:changed': {
    readonly plugin: string
    readonly state: string
    readonly health: Health['status']
    readonly reason?: string
  }
  'content:pinned': { readonly cid: CID }
  'content:unpinned': { readonly cid: CID }
  /** No operation holds blocks any more: those that it stored are pinned by now, or may be evicted. */
  'content:released': Readonly<Record<string, never>>
  'peer:connected': { readonly peer: PeerId }
  'peer:disconnected': { readonly peer: PeerId }
  /** A user changed what a peer is worth. */
  'peer:tagged': { readonly peer: PeerId; readonly tags: Readonly<Record<string, number>> }
  /** A user had all that was known of a peer dropped. */
  'peer:forgotten': { readonly peer: PeerId }
  /** A connected peer stopped answering, or answers again. */
  'peer:liveness': { readonly peer: PeerId; readonly liveness: 'connected' | 'suspect' }
  /** Addresses that others can dial came or went. */
  'network:addresses': { readonly addresses: readonly string[] }
  /** The machine's own networks changed, it slept, or the way to many peers is back after a loss: what was known of the way to others may be stale. */
  'network:changed': { readonly reason: 'interfaces' | 'resumed' | 'restored' }
  /** It became known whether strangers can connect to this node, or that changed; `reason` is what it rests on. */
  'network:reachability': {
    readonly reachability: 'public' | 'private' | 'unknown'
    readonly reason: string
  }
  /** The roster of the fleet came, went or changed; what it is now, unless this node is in no fleet any more. */
  'fleet:changed': {
    readonly fleet?: string
    readonly term?: number
    readonly version?: number
    readonly members?: number
    /** Where this node is on it no more. */
    readonly reason?: string
  }
  'peer:evidence': { readonly peer: PeerId; readonly kind: EvidenceKind; readonly detail: string }
  /** The reputation plugin keeps a peer out from now on, for what it did last and before. */
  'peer:banned': { readonly peer: PeerId; readonly kind: EvidenceKind; readonly durationMs: number }
  /** A user had what spoke against a peer forgotten, its ban with it. */
  'peer:pardoned': { readonly peer: PeerId }
}

/** What a peer was seen doing wrong, first hand. */
export type EvidenceKind = 'invalid-block' | 'protocol-violation' | 'timeout' | 'overload'

/** May be async: what it rejects with is logged like what it throws. */
export type Listener<T> = (payload: T) => void | Promise<void>

/**
 * A typed event bus. Listeners are called at once, in the order they came. One that throws is logged and stops neither
 * the others nor the emitter; one added during an event hears from the next on, one removed hears no more.
 */
export interface Events {
  emit<K extends keyof NodeEvents>(name: K, payload: NodeEvents[K]): void
  /** Returns the function that removes the listener. Each call adds one more, also of the same function. */
  on<K extends keyof NodeEvents>(name: K, listener: Listener<NodeEvents[K]>): () => void
}

export const Events: Token<Events> = token('events')

interface Registration {
  readonly listener: Listener<never>
}

/** As many listeners as the node's own code adds: nothing that a peer does adds one. */
export function createEvents(onListenerError: (error: unknown, event: string) => void): Events {
  const registrations = new Map<string, Set<Registration>>()

  const call = async <T>({ listener }: Registration, payload: T, event: string): Promise<void> => {
    try {
      await (listener as Listener<T>)(payload)
    } catch (error) {
      onListenerError(error, event)
    }
  }

  return {
    emit(name, payload) {
      const current = registrations.get(name)
      for (const registration of [...(current ?? [])]) {
        if (current?.has(registration)) void call(registration, payload, name)
      }
    },
    on(name, listener) {
      const registration = { listener }
      const current = registrations.get(name) ?? new Set()
      registrations.set(name, current.add(registration))
      return () => current.delete(registration)
    },
  }
}
