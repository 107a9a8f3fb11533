import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerId, Peers } from '../../core/api.ts'
import { credited } from './standing.ts'
import type { StandingTable } from './standing-table.ts'

export interface CreditsDependencies {
  readonly peers: Pick<Peers, 'list' | 'get'>
  readonly standings: StandingTable
}

/** Credits peers with the verified bytes that the peer table counts: asked once in a while, so that a block costs nothing more. */
export class Credits {
  readonly #deps: CreditsDependencies
  /** Bytes that are credited already, by peer; of those in the peer table. */
  #counted = new Map<string, number>()

  constructor(deps: CreditsDependencies) {
    this.#deps = deps
  }

  /** What came before counts no more. */
  open(): void {
    this.#counted = new Map(this.#deps.peers.list().map(({ peer, bytesReceived }) => [peer, bytesReceived]))
  }

  /** Credits all peers; returns those that delivered something. */
  take(nowMs: number): PeerId[] {
    const delivered: PeerId[] = []
    const all = this.#deps.peers.list()
    for (const { peer, bytesReceived } of all) {
      if (this.#credit(peer, bytesReceived, nowMs)) delivered.push(peerIdFromString(peer))
    }
    const known = new Set(all.map(({ peer }) => peer))
    for (const peer of this.#counted.keys()) if (!known.has(peer)) this.#counted.delete(peer)
    return delivered
  }

  takeOf(peer: PeerId, nowMs: number): void {
    const summary = this.#deps.peers.get(peer)
    if (summary) this.#credit(summary.peer, summary.bytesReceived, nowMs)
  }

  #credit(peer: string, bytesReceived: number, nowMs: number): boolean {
    const { standings } = this.#deps
    const before = this.#counted.get(peer) ?? 0
    if (bytesReceived === before) return false
    // A record of the table that was made anew begins at 0.
    const bytes = bytesReceived > before ? bytesReceived - before : bytesReceived
    this.#counted.set(peer, bytesReceived)
    if (bytes > 0) standings.set(peer, credited(standings.get(peer), bytes, nowMs), nowMs)
    return bytes > 0
  }
}
