import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Mode, Status } from '../wire/codec.ts'
import type { PlannedPeer } from './planner.ts'
import type { Want } from './want.ts'

/**
 * The way to one peer's blocks, whatever protocol it speaks. The requester asks within `roomBytes` and `roomWants`, and
 * hears by {@link LinkEvents}. Every question is answered exactly once, unless it is cancelled or the link drops.
 */
export interface Link extends PlannedPeer {
  readonly peer: PeerId
  /** Its id. */
  readonly protocol: string
  /** Holds streams or is owed answers. */
  readonly open: boolean
  /** May be asked now. */
  readonly usable: boolean
  /** Milliseconds without an answer while one is owed, and without a block while that is; 0 where nothing is. */
  readonly quietMs: number
  /** Milliseconds since anything was asked or answered. */
  readonly idleMs: number
  /** Asks; returns the id to cancel by. */
  ask(want: Want, mode: Mode): number
  /** The answer is no longer needed; what still comes is thrown away. */
  cancel(id: number): void
  /** Nobody wants the block any more: what the peer keeps to tell us when it gets it may go. */
  forget(want: Want): void
  /** The peer said it is busy: less at once, and a pause. */
  ease(): void
  /** What it owes is late: less at once, until it delivers again. */
  stall(): void
  /** Not usable for so long. */
  pauseFor(durationMs: number): void
  /** Ends what is going on; what was owed is told to `broken`. */
  drop(reason: string, fault?: Fault): void
  /** Closes what a peer that owes nothing has open. */
  rest(): Promise<void>
}

/** What a link tells the requester. */
export interface LinkEvents {
  /** A whole block, not yet verified. */
  delivered(link: Link, want: Want, bytes: Uint8Array): void
  /** A whole block whose hash was compared with the want's already. */
  verified(link: Link, want: Want, bytes: Uint8Array): void
  /** The peer sent `bytes` whose hash is of nothing that is known here, while it owed blocks: what an alteration looks like. */
  forged(link: Link, bytes: number): void
  /** A block of this key is wanted, of whomever. */
  isWanted(key: string): boolean
  /** A whole block arrived that was cancelled in the meantime, or is larger than was wanted. */
  wasted(): void
  /**
   * Anything else that was answered. `length`: of a block the peer has, where it tells; one larger than was wanted is not
   * kept.
   */
  answered(link: Link, want: Want, mode: Mode, status: Status, length: number | undefined): void
  /** The peer has got blocks that it didn't have when it was asked. */
  gained(link: Link, cids: readonly CID[]): void
  /** An answer was dealt with: there may be room for more. */
  progressed(link: Link): void
  /** The peer doesn't speak the link's protocol: another link may do better. `owed` is what was asked. */
  unsupported(link: Link, owed: ReadonlySet<Want>, reason: string): void
  /** The conversation is over; `owed` is what the peer still owed. */
  broken(link: Link, owed: ReadonlySet<Want>, reason: string, fault: Fault | undefined): void
}

export type Fault = 'protocol-violation' | 'timeout'

export interface LinkOptions {
  readonly maxWindowBytes: number
}

export interface LinkDependencies {
  readonly events: LinkEvents
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** Of the peer, as in `PlannedPeer`. */
  readonly handicap?: () => number
}

/** Makes links over one protocol. */
export interface LinkKind {
  readonly protocol: string
  link(peer: PeerId, options: LinkOptions, dependencies: LinkDependencies): Link
}

/** How long a peer may take to accept a stream. */
export const OPEN_TIMEOUT_MS = 10_000
