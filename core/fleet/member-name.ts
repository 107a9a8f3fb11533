import { fleetError } from './errors.ts'

/** More would be a list, which `skep fleet members` shows. */
const MAX_LISTED = 5
/** Boards choose their names: one so long that is a part of another's peer id is no chance, and may be meant to be taken for it. */
const MIN_TELLING_CHARACTERS = 6

/**
 * The member that `who` means: by its peer id, by its name, or by how its peer id begins or ends.
 * @throws SkepError MEMBER_UNKNOWN where it is none, or several
 */
export function findMember<M extends { readonly peer: string; readonly name: string }>(
  members: readonly M[],
  who: string,
): M {
  const ways: ((member: M) => boolean)[] = [
    ({ peer }) => peer === who,
    ({ peer, name }) => name === who || (who.length >= MIN_TELLING_CHARACTERS && isPart(who, peer)),
    ({ peer }) => isPart(who, peer),
  ]
  for (const way of ways) {
    const found = members.filter(way)
    if (found[0] && found.length === 1) return found[0]
    if (found.length > 1)
      throw fleetError(
        'MEMBER_UNKNOWN',
        `'${who}' may be any of ${found.length} members: ${listed(found.map(({ peer }) => peer))}`,
      )
  }
  throw fleetError('MEMBER_UNKNOWN', `no member is '${who}'`)
}

function isPart(text: string, peer: string): boolean {
  return peer.startsWith(text) || peer.endsWith(text)
}

function listed(peers: readonly string[]): string {
  return `${peers.slice(0, MAX_LISTED).join(', ')}${peers.length > MAX_LISTED ? ', …' : ''}`
}
