import type { PeerId, Reputation } from '../../../core/api.ts'
import type { LinkKind } from './link.ts'

/** The score of a peer that did nothing yet. */
const STRANGER_SCORE = 0.5

/** `kind`, with links that are put behind others as their peers' reputation has it. Where nobody keeps one all are equal. */
export function handicapped(kind: LinkKind, reputation: () => Reputation | undefined): LinkKind {
  const handicapOf = (peer: PeerId): number =>
    STRANGER_SCORE / (reputation()?.scoreOf(peer) ?? STRANGER_SCORE)
  return {
    protocol: kind.protocol,
    link: (peer, options, dependencies) =>
      kind.link(peer, options, { ...dependencies, handicap: () => handicapOf(peer) }),
  }
}
