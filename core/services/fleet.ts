import type { PeerId } from '@libp2p/interface'
import { type Token, token } from '../container.ts'

/** What parts of a node ask about the fleet it is in. `fleet:changed` tells when answers change. */
export interface Fleet {
  /**
   * Sets the fleet of this node apart in names that everybody may see: 10 lower case letters and digits that come from the owner's
   * key. Each member has the same, and no right rests on it: who was removed still knows it. Undefined in no fleet.
   */
  readonly label: string | undefined
  /** Whether only members may connect: `fleet.mode` is closed. */
  readonly isClosed: boolean
  /** By the roster that the owner signed. Undefined while this node is in no fleet: then nobody can say. */
  isMember(peer: PeerId): boolean | undefined
  /** Whether `peer` runs the fleet: the board with the owner key, or one that it delegates to. False in no fleet. */
  isOperator(peer: PeerId): boolean
  /** Whether a connection to `peer` may be at all: where `fleet.mode` is closed, to members alone. */
  admits(peer: PeerId): boolean
}

export const Fleet: Token<Fleet> = token('fleet')
