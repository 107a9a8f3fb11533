import type { Peer, PeerId, PeerStore } from '@libp2p/interface'
import type { Logger } from '../logger.ts'

export interface PeerStoreLimitOptions {
  /** Peers kept on disk. */
  readonly maxPeers: number
}

export interface PeerStoreLimitDependencies {
  readonly peerStore: Pick<PeerStore, 'all' | 'delete'>
  isConnected(peer: PeerId): boolean
  readonly log: Logger
}

/** What a trim leaves, as a share: it reads every peer there is, so it makes room for more than one. */
const KEPT_SHARE = 0.9

/**
 * Keeps libp2p's peer store, which has no bound of its own, from growing with every peer that somebody heard of. Out go those
 * without an address, then those we never spoke with, and of equals the ones heard of longest ago; never one that is
 * connected. Peers that come while it works are over the bound until it is done.
 */
export class PeerStoreLimit {
  readonly #maxPeers: number
  readonly #deps: PeerStoreLimitDependencies
  /** An upper bound, once a trim has counted: peers also expire. */
  #peers = 0
  #trimming: Promise<void> | undefined
  #stopped = false

  constructor({ maxPeers }: PeerStoreLimitOptions, deps: PeerStoreLimitDependencies) {
    this.#maxPeers = maxPeers
    this.#deps = deps
  }

  /** A peer joined the store. */
  added(): void {
    this.#peers += 1
    if (this.#peers > this.#maxPeers && !this.#stopped) void this.trim()
  }

  /** Counts, and takes out what is too much. One at a time; a store that fails is logged. */
  async trim(): Promise<void> {
    this.#trimming ??= this.#trimAll().finally(() => {
      this.#trimming = undefined
    })
    await this.#trimming
  }

  /** Waits for the trim that runs. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#trimming
  }

  /** Again while peers join faster than they are taken out. */
  async #trimAll(): Promise<void> {
    while ((await this.#trim()) > 0 && this.#peers > this.#maxPeers);
  }

  /** Peers taken out. */
  async #trim(): Promise<number> {
    const { peerStore, isConnected, log } = this.#deps
    this.#peers = 0
    try {
      // It leaves out the expired and takes them off the disk.
      const peers = await peerStore.all()
      let kept = peers.length
      this.#peers += kept
      if (kept > this.#maxPeers) {
        const wanted = Math.floor(this.#maxPeers * KEPT_SHARE)
        for (const { id } of peers.sort(leastUsefulFirst)) {
          if (kept <= wanted || this.#stopped) break
          if (isConnected(id)) continue
          await peerStore.delete(id)
          this.#peers -= 1
          kept -= 1
        }
        log.debug({ peers: peers.length, kept }, 'the peer store was trimmed')
      }
      return peers.length - kept
    } catch (error) {
      log.warn({ err: error }, 'the peer store could not be trimmed')
      return 0
    }
  }
}

/** Exported to be tested on its own. */
export function leastUsefulFirst(a: Peer, b: Peer): number {
  return (
    tagged(a) - tagged(b) ||
    Number(a.addresses.length > 0) - Number(b.addresses.length > 0) ||
    Number(a.protocols.length > 0) - Number(b.protocols.length > 0) ||
    updatedMs(a) - updatedMs(b)
  )
}

function tagged({ tags }: Peer): number {
  let sum = 0
  for (const { value } of tags.values()) sum += value
  return sum
}

/** libp2p's store gives it along with what its type says. */
function updatedMs(peer: Peer & { readonly updated?: number }): number {
  return peer.updated ?? 0
}
