/** An invite as the node that made it keeps it: without what is needed to use it. */
export interface OpenInvite {
  /** Of its public key. */
  readonly id: string
  /** By the wall clock. */
  readonly createdMs: number
  readonly expiresMs: number
  /** What the board shall be called; empty: as it calls itself. */
  readonly name: string
  /** Peer id of who came with it. */
  readonly usedBy?: string
  /** Peer id of the operator's board that asked for it from afar; absent: it was asked for at this board. */
  readonly maker?: string
}

/** At a time, used ones included until they expire. */
export const MAX_INVITES = 64

/**
 * How long an invite counts from `wallMs` on, as a node asks when it starts; while it runs, the monotonic clock counts. Before
 * the invite was made the clock is wrong, as that of a board without one, and it has all its time again.
 */
export function remainingMs(
  { createdMs, expiresMs }: Pick<OpenInvite, 'createdMs' | 'expiresMs'>,
  wallMs: number,
): number {
  return Math.max(0, expiresMs - Math.max(wallMs, createdMs))
}

/** What comes of `joiner` with an invite: it becomes a member, it is one by this very invite, or it is refused. */
export function judge(invite: OpenInvite | undefined, joiner: string): 'welcome' | 'again' | 'refused' {
  if (!invite) return 'refused'
  if (invite.usedBy === undefined) return 'welcome'
  // Its answer may have been lost.
  return invite.usedBy === joiner ? 'again' : 'refused'
}
