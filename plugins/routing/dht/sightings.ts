import { hash as digestOf } from 'node:crypto'
import type { PeerDiscovery, PeerDiscoveryEvents, PeerInfo } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'

/** Peers remembered; the one told of longest ago is forgotten first. */
const MAX_REMEMBERED = 1024
/** libp2p forgets addresses that nobody told of for an hour, and the peers of a full store before that. */
const REPEAT_MS = 600_000

interface Sighting {
  /** What its addresses come to: the text of all of them would be a stranger's to choose. */
  readonly places: string
  readonly toldMs: number
}

/**
 * The peers that a DHT comes across, each only where it is new, somewhere else than before, or was told of some time ago: every
 * answer names up to twenty, nearly always the same, and each that is told costs a round through the peer store.
 */
export class Sightings extends TypedEventEmitter<PeerDiscoveryEvents> {
  readonly #nowMs: () => number
  readonly #sightings = new Map<string, Sighting>()

  /** `nowMs`: of a monotonic clock. */
  constructor(source: PeerDiscovery, { nowMs }: { readonly nowMs: () => number }) {
    super()
    this.#nowMs = nowMs
    source.addEventListener('peer', ({ detail }) => this.#seen(detail))
  }

  #seen(peer: PeerInfo): void {
    const id = peer.id.toString()
    const places = digestOf('sha256', peer.multiaddrs.map(String).sort().join(), 'base64')
    const before = this.#sightings.get(id)
    const nowMs = this.#nowMs()
    if (before?.places === places && nowMs - before.toldMs < REPEAT_MS) return
    this.#sightings.delete(id)
    this.#sightings.set(id, { places, toldMs: nowMs })
    const [oldest] = this.#sightings.keys()
    if (this.#sightings.size > MAX_REMEMBERED && oldest !== undefined) this.#sightings.delete(oldest)
    this.safeDispatchEvent('peer', { detail: peer })
  }
}
