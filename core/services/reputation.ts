import type { PeerId } from '@libp2p/interface'
import { type Token, token } from '../container.ts'
import type { EvidenceKind } from '../events.ts'

/** How this node has fared with its peers. First-hand evidence only: nobody is judged by what others say. */
export interface Reputation {
  /**
   * From 0 to 1: a peer that nothing is known of has 0.5, one that is about to be banned 0.1. Cheap, to be asked while
   * peers are ranked.
   */
  scoreOf(peer: PeerId): number
  /** Whether it is kept out now. */
  isBanned(peer: PeerId): boolean
  /** What the score rests on. Of a peer that nothing is known of, a report without evidence. */
  why(peer: PeerId): ReputationReport
  /**
   * Ends a ban, and forgets all that spoke for and against the peer; durable once it resolves. False where nothing was known.
   * @throws SkepError those of the storage
   */
  pardon(peer: PeerId): Promise<boolean>
}

export const Reputation: Token<Reputation> = token('reputation')

/** Plain JSON. Times count while the node runs alone: boards have no clock. */
export interface ReputationReport {
  readonly peer: string
  readonly score: number
  readonly credit: ReputationCredit
  /** By kind; kinds that were never seen are left out. */
  readonly evidence: readonly ReputationEvidence[]
  /** Present while it is kept out. */
  readonly ban?: ReputationBan
  /** Bans that have ended, as far back as they make the next one longer. */
  readonly earlierBans: number
}

export interface ReputationCredit {
  /** Payload of verified blocks that came from it. */
  readonly verifiedBytes: number
  /** What that counts for it now, with what it delivered long ago counting less. */
  readonly weight: number
}

export interface ReputationEvidence {
  readonly kind: EvidenceKind
  /** Reports so far, with those that didn't count. */
  readonly times: number
  /** Of these: came too soon after others of their kind. */
  readonly limited: number
  /** Of these: where the fault may have been this node's own. */
  readonly excused: number
  readonly lastMsAgo: number
  /** What all of it counts against the peer now. */
  readonly weight: number
  /** Of the last one. */
  readonly detail: string
}

export interface ReputationBan {
  readonly kind: EvidenceKind
  readonly detail: string
  readonly madeMsAgo: number
  readonly endsInMs: number
}
