import type { PeerId } from '@libp2p/interface'
import type { Scope } from './scope.ts'

/** A connected peer that may speak the protocol, and what there is to tell it. */
export interface Friend {
  readonly peer: PeerId
  /** How near it is. */
  readonly scope: Scope
  /** Undefined until it showed. */
  speaks: boolean | undefined
  /** When to ask it for records. */
  askAtMs: number
  /** When to tell it of `pending`; Infinity: there is nothing. */
  tellAtMs: number
  /** Not to be called before. */
  callAtMs: number
  isCalled: boolean
  failures: number
  /** Peers whose records it is to be told, as text; see {@link owe}. */
  readonly pending: Set<string>
  /** What it has, as far as is known, by peer. */
  readonly knows: Map<string, Known>
}

interface Known {
  /** Of the newest record that it told or was told. */
  readonly sequence: bigint
  /** This node told it of the peer, which says more than where that is: that this node knows it. */
  readonly isTold: boolean
}

/** Entries kept of what one peer has. Beyond it the first is forgotten, and may be told twice. */
const MAX_KNOWN = 1024

/** Peers that one is still to be told of: many times what a call takes. It hears of others when it asks. */
export const MAX_PENDING = 512

export function createFriend(peer: PeerId, scope: Scope, askAtMs: number): Friend {
  return {
    peer,
    scope,
    speaks: undefined,
    askAtMs,
    tellAtMs: Number.POSITIVE_INFINITY,
    callAtMs: 0,
    isCalled: false,
    failures: 0,
    pending: new Set(),
    knows: new Map(),
  }
}

/** It told of that record, or was told. */
export function remember({ knows }: Friend, peer: string, sequence: bigint, isTold: boolean): void {
  const before = knows.get(peer)
  knows.delete(peer)
  knows.set(peer, {
    sequence: before && before.sequence > sequence ? before.sequence : sequence,
    isTold: isTold || before?.isTold === true,
  })
  if (knows.size <= MAX_KNOWN) return
  const [first] = knows.keys()
  if (first !== undefined) knows.delete(first)
}

/** Whether it is to be told of that record. */
export function lacks({ knows }: Friend, peer: string, sequence: bigint): boolean {
  const known = knows.get(peer)
  return known === undefined || !known.isTold || known.sequence < sequence
}

/** It is to be told of that peer. Nobody keeps that for one that doesn't listen; of too many the first is left out. */
export function owe({ speaks, pending }: Friend, peer: string): void {
  if (speaks === false) return
  pending.add(peer)
  if (pending.size <= MAX_PENDING) return
  const [first] = pending
  if (first !== undefined) pending.delete(first)
}

/** When it is to be called next; Infinity: only where something happens. */
export function dueMs({ speaks, isCalled, askAtMs, tellAtMs, callAtMs }: Friend): number {
  if (speaks === false || isCalled) return Number.POSITIVE_INFINITY
  return Math.max(callAtMs, Math.min(askAtMs, tellAtMs))
}
