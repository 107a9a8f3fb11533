/**
 * In which order blocks are asked for whose order doesn't matter. Pure.
 *
 * The rarest come first, so that whoever publishes sends each block once and the others pass it on. Where several are
 * equally rare each node begins with those that it ranks higher for than the others that lack them too (rendezvous hashing
 * of peer and block): nodes that fetch the same at the same moment begin with different blocks, and need to agree on
 * nothing but their ids. Who else fetches is a guess; a wrong one makes the order worse, never the result.
 */

import { isHolder, type PlannedPeer, type PlannedWant } from './planner.ts'

/** More peers than these rank alike. */
const RANKS = 2 ** 10

/** 32 bits of a peer's id: FNV-1a. http://www.isthe.com/chongo/tech/comp/fnv/ */
export function seedOf(peer: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < peer.length; at++) hash = Math.imul(hash ^ peer.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** `self`: the {@link seedOf} this node. Wants whose order matters, and those that nobody else fetches, stay as they are. */
export function* byRarity<W extends PlannedWant>(
  wants: Iterable<W>,
  peers: readonly PlannedPeer[],
  self: number,
): Generator<W> {
  if (peers.length < 2) {
    yield* wants
    return
  }
  const ranked: { readonly want: W; readonly rank: number; readonly tie: number }[] = []
  const rivals = peers.map(({ id }) => ({ id, seed: seedOf(id) }))
  for (const want of wants) {
    if (want.session.lacking.size === 0 || !want.anyOrder) {
      yield want
      continue
    }
    const score = scoreOf(self, want)
    let holders = 0
    let better = 0
    let best = 0
    for (const { id, seed } of rivals) {
      if (isHolder(want, id)) {
        holders++
        continue
      }
      const rival = want.session.lacking.has(id) ? scoreOf(seed, want) : 0
      if (rival > score) better++
      best = Math.max(best, rival)
    }
    // One's own from the best score down; of those that others should get, what they come to last.
    const tie = better === 0 ? -score : best
    ranked.push({ want, rank: holders * RANKS + Math.min(better, RANKS - 1), tie })
  }
  ranked.sort((a, b) => a.rank - b.rank || a.tie - b.tie)
  for (const { want } of ranked) yield want
}

/** 32 bits that look random and are the same on every node. The finalizer of MurmurHash3. */
function scoreOf(seed: number, { digest }: PlannedWant): number {
  let hash = seed ^ digest
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
