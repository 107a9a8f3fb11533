import type { Membership } from './membership.ts'
import type { FleetMode } from './modes.ts'
import type { Role, Roster } from './roster.ts'

/** Plain JSON. */
export interface FleetStatus {
  readonly mode: FleetMode
  /** Absent where this node is in none. */
  readonly fleet?: {
    readonly name: string
    /** The owner's public key: also the id of the fleet. */
    readonly id: string
    readonly term: number
    readonly version: number
    readonly role: Role | 'removed'
    /** Whether the owner's key is on this board. */
    readonly hasOwnerKey: boolean
    readonly members: number
    readonly connectedMembers: number
    /** Made here and not used yet. */
    readonly openInvites: number
  }
}

/** Plain JSON. */
export interface FleetMember {
  readonly peer: string
  readonly name: string
  readonly role: Role
  /** By the wall clock of the board that let it in. */
  readonly joinedMs: number
  readonly isSelf: boolean
  readonly isConnected: boolean
}

/** `connected`: peer ids. */
export function fleetStatus(
  membership: Membership,
  mode: FleetMode,
  connected: ReadonlySet<string>,
): FleetStatus {
  const { roster } = membership
  if (!roster) return { mode }
  const { owner, name, term } = roster.charter
  return {
    mode,
    fleet: {
      name,
      id: owner,
      term,
      version: roster.version,
      role: membership.roleOf(membership.self) ?? 'removed',
      hasOwnerKey: membership.isOwner,
      members: roster.members.size,
      connectedMembers: [...roster.members.keys()].filter(peer => connected.has(peer)).length,
      openInvites: membership.invites.filter(({ usedBy }) => usedBy === undefined).length,
    },
  }
}

/** As people read it. An operator may have done it, too. */
export function removedFrom({ charter }: Pick<Roster, 'charter'>): string {
  return `removed from fleet '${charter.name}' by its owner or an operator`
}

/** Empty where the node is in no fleet, or was removed from it. */
export function fleetMembers(membership: Membership, connected: ReadonlySet<string>): FleetMember[] {
  if (membership.isRemoved) return []
  return [...(membership.roster?.members ?? [])].map(([peer, { name, joinedMs }]) => ({
    peer,
    name,
    role: membership.roleOf(peer) ?? 'member',
    joinedMs,
    isSelf: peer === membership.self,
    isConnected: connected.has(peer),
  }))
}
