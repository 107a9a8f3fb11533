/** Who belongs to a fleet, and who may change that. A value: every edit makes a new one. */
export interface Roster {
  readonly charter: Charter
  /** Counts the rosters of a term. */
  readonly version: number
  /** By peer id; every operator is one of them. */
  readonly members: ReadonlyMap<string, Member>
  /** Peer ids, the latest last. */
  readonly removed: readonly string[]
  /** How many edits of each operator's node are in it, by peer id. */
  readonly edits: ReadonlyMap<string, number>
}

/** What only the owner can change. */
export interface Charter {
  /** The owner's public key, as {@link keys.ts} writes it: also the id of the fleet. */
  readonly owner: string
  /** Counts the charters. */
  readonly term: number
  readonly name: string
  /** Peer ids of those who may sign rosters. The boards with the owner key are among them. */
  readonly operators: readonly string[]
  /** As in {@link Roster}, of boards with the owner key. What only the owner can do goes by these, which no operator can make up. */
  readonly edits: ReadonlyMap<string, number>
}

export interface Member {
  readonly name: string
  /** By a wall clock that may have been wrong. */
  readonly joinedMs: number
}

export type Role = 'operator' | 'member'

/** One change of a roster. */
export type Edit =
  | { readonly kind: 'add'; readonly peer: string; readonly name: string; readonly joinedMs: number }
  | { readonly kind: 'remove' | 'delegate' | 'revoke'; readonly peer: string }

/** A roster with so many is 110 KiB at most; every board of a fleet that large can still carry it. */
export const MAX_MEMBERS = 1024
/** Each can sign, and adds to every roster. */
export const MAX_OPERATORS = 32
/** Kept so that an edit made elsewhere at the same time does not bring them back. The oldest leaves first. */
export const MAX_REMOVED = 256
export const MAX_NAME_BYTES = 64

/** The first roster of a fleet: its founder alone. */
export function foundRoster(
  { owner, name }: Pick<Charter, 'owner' | 'name'>,
  founder: { readonly peer: string } & Member,
): Roster {
  const { peer, ...member } = founder
  return {
    charter: { owner, term: 1, name, operators: [peer], edits: new Map() },
    version: 1,
    members: new Map([[peer, member]]),
    removed: [],
    edits: new Map(),
  }
}

export function roleOf({ charter, members }: Roster, peer: string): Role | undefined {
  if (charter.operators.includes(peer)) return 'operator'
  return members.has(peer) ? 'member' : undefined
}

/** Whether it takes the owner's key: it changes the charter. */
export function needsOwner({ charter }: Roster, { kind, peer }: Edit): boolean {
  return kind === 'delegate' || kind === 'revoke' || (kind === 'remove' && charter.operators.includes(peer))
}

/** Whether `edit` still changes anything. What was removed elsewhere stays removed. */
export function isOpen(roster: Roster, { kind, peer }: Edit): boolean {
  const role = roleOf(roster, peer)
  switch (kind) {
    case 'add':
      return role === undefined && !roster.removed.includes(peer)
    case 'remove':
      return role !== undefined
    case 'delegate':
      return role === 'member'
    case 'revoke':
      return role === 'operator'
  }
}

/** `roster` after `edits` of node `editor`, who then has made `count` in all. Bounds are the caller's to check. */
export function edited(roster: Roster, edits: readonly Edit[], editor: string, count: number): Roster {
  const members = new Map(roster.members)
  let { removed } = roster
  let operators = [...roster.charter.operators]
  for (const edit of edits) {
    const { kind, peer } = edit
    const wasRemoved = removed.filter(each => each !== peer)
    if (kind === 'add') {
      members.set(peer, { name: edit.name, joinedMs: edit.joinedMs })
      removed = wasRemoved
    }
    if (kind === 'remove' && members.delete(peer)) removed = [...wasRemoved, peer].slice(-MAX_REMOVED)
    if (kind === 'delegate' && !operators.includes(peer)) operators.push(peer)
    if (kind === 'remove' || kind === 'revoke') operators = operators.filter(each => each !== peer)
  }
  // An operator that has used up all versions does not lock the owner out.
  const isNewTerm =
    String(operators) !== String(roster.charter.operators) || roster.version === Number.MAX_SAFE_INTEGER
  const counted = (edits: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
    new Map([...edits, [editor, count] as const].filter(([each]) => operators.includes(each)))
  const { charter, version } = roster
  return {
    charter: isNewTerm
      ? { ...charter, term: charter.term + 1, operators, edits: counted(charter.edits) }
      : charter,
    version: isNewTerm ? 1 : version + 1,
    members,
    removed,
    edits: counted(roster.edits),
  }
}

/** What tells one roster from another of the same fleet. */
export interface Head {
  readonly owner: string
  readonly term: number
  readonly version: number
  /** SHA-256 of the signed bytes. */
  readonly hash: Uint8Array<ArrayBuffer>
}

/**
 * Above 0 where `one` counts more than `other`, of the same fleet; 0 where they are the same. The owner's word first, whatever
 * versions operators count; then what was made later; then, of two made at once, any that all agree on.
 */
export function compareHeads(one: Head, other: Head): number {
  return one.term - other.term || one.version - other.version || Buffer.compare(one.hash, other.hash)
}
