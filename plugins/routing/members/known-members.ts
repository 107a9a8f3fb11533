import { randomBytes } from 'node:crypto'
import type { PeerId } from '../../../core/api.ts'
import { membersError } from './errors.ts'
import { Member } from './member.ts'
import { type Room, roomFor } from './room.ts'

export interface KnownMembersOptions extends Room {
  readonly maxBlocksPerPeer: number
  readonly keepMs: number
}

export interface KnownMembersDependencies {
  /** There is no room for a member: it was forgotten, or never known. With it, so many bytes more would be taken. */
  leftOut(peer: PeerId, bytes: number): void
}

/** All that members were heard to hold, within bounds of peers and memory: see {@link roomFor}. */
export class KnownMembers {
  readonly #options: KnownMembersOptions
  readonly #leftOut: KnownMembersDependencies['leftOut']
  readonly #seed = randomBytes(4).readInt32LE()
  /** In the order in which they came. */
  readonly #members = new Map<string, Member>()

  constructor(options: KnownMembersOptions, { leftOut }: KnownMembersDependencies) {
    this.#options = options
    this.#leftOut = leftOut
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#members.values()
  }

  get size(): number {
    return this.#members.size
  }

  get(peer: PeerId): Member | undefined {
    return this.#members.get(peer.toString())
  }

  /**
   * What is known of a member that is followed from now on.
   * @throws SkepError NO_ROOM
   */
  admit(peer: PeerId): Member {
    const known = this.get(peer)
    known?.returned()
    return known ?? this.#enter(peer)
  }

  forget(peer: PeerId): void {
    this.#members.delete(peer.toString())
  }

  clear(): void {
    this.#members.clear()
  }

  /** Whether a member that comes now would get so many bytes. */
  hasRoom(bytes: number): boolean {
    return roomFor(this.#options, { isFollowed: true, finds: 0 }, bytes, [...this]) !== undefined
  }

  /** Forgets those that left too long ago, and whom `isMember` no longer knows. */
  review(nowMs: number, isMember: (peer: PeerId) => boolean): void {
    for (const { peer, isFollowed, leftMs } of this) {
      if (isFollowed) continue
      if (nowMs - leftMs >= this.#options.keepMs || !isMember(peer)) this.forget(peer)
    }
  }

  #enter(peer: PeerId): Member {
    const member = new Member(
      { maxBlocks: this.#options.maxBlocksPerPeer, seed: this.#seed },
      { peer, makeRoom: (member, bytes) => this.#makeRoom(member, bytes) },
    )
    this.#makeRoom(member, member.bytes)
    this.#members.set(peer.toString(), member)
    return member
  }

  #makeRoom(member: Member, bytes: number): void {
    const others = [...this].filter(other => other !== member)
    const victims = roomFor(this.#options, member, bytes, others)
    if (!victims) {
      const { maxPeers, maxBytes } = this.#options
      this.forget(member.peer)
      this.#leftOut(member.peer, bytes)
      throw membersError(
        'NO_ROOM',
        `the blocks of ${member.peer} take ${bytes} bytes, beside ${others.length} members within ${maxPeers} and ${maxBytes} bytes`,
      )
    }
    for (const { peer, bytes } of victims) {
      this.forget(peer)
      this.#leftOut(peer, bytes)
    }
  }
}
