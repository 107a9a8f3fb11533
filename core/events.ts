import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { type Token, token } from './container.ts'
import type { NodePhase } from './state/node-state.ts'

/** What happens in a node that more than one part may care about. Add an event here, and its payload is typed everywhere. */
export interface NodeEvents {
  'node:phase': { readonly phase: NodePhase; readonly reason?: string }
  'content:pinned': { readonly cid: CID }
  'content:unpinned': { readonly cid: CID }
  'peer:connected': { readonly peer: PeerId }
  'peer:disconnected': { readonly peer: PeerId }
  'peer:evidence': { readonly peer: PeerId; readonly kind: EvidenceKind; readonly detail: string }
}

/** What a peer was seen doing wrong, first hand. */
export type EvidenceKind = 'invalid-block' | 'protocol-violation' | 'timeout' | 'overload'

export type Listener<T> = (payload: T) => void

/** A typed event bus. A listener that throws is logged and never stops the others or the emitter. */
export interface Events {
  emit<K extends keyof NodeEvents>(name: K, payload: NodeEvents[K]): void
  /** Returns the function that removes the listener. */
  on<K extends keyof NodeEvents>(name: K, listener: Listener<NodeEvents[K]>): () => void
}

export const Events: Token<Events> = token('events')

export function createEvents(onListenerError: (error: unknown, event: string) => void): Events {
  const listeners = new Map<string, Set<Listener<never>>>()
  return {
    emit(name, payload) {
      for (const listener of listeners.get(name) ?? []) {
        try {
          ;(listener as Listener<typeof payload>)(payload)
        } catch (error) {
          onListenerError(error, name)
        }
      }
    },
    on(name, listener) {
      const set = listeners.get(name) ?? new Set()
      listeners.set(name, set.add(listener as Listener<never>))
      return () => set.delete(listener as Listener<never>)
    },
  }
}
