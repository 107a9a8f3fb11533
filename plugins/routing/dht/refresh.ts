import type { PeerId } from '@libp2p/interface'
import { type Clock, type Logger, messageOf } from '../../../core/api.ts'
import { placeOf, sharedBits } from './key-space.ts'

/** Peers come one after another when a node starts: this long it waits for more before it looks around. */
const SETTLE_MS = 5_000
const LOOKUP_TIMEOUT_MS = 30_000
/** Deeper buckets than these belong to networks of millions of nodes. */
const MAX_DEPTH = 15
const KEY_BYTES = 32

export interface RefreshOptions {
  readonly periodMs: number
}

export interface RefreshDependencies {
  readonly dht: {
    readonly self: PeerId
    readonly peers: number
    readonly bucketSize: number
    closest(key: Uint8Array, signal: AbortSignal): Promise<PeerId[]>
  }
  readonly random: (bytes: Uint8Array) => Uint8Array
  readonly log: Logger
  readonly clock: Clock
}

/**
 * Keeps the routing table fresh. A look-up of the node's own place finds its neighbours; where the network has no more nodes
 * than one bucket takes, it has found all there are. Else one more for each distance that it says nothing about.
 */
export class TableRefresh {
  readonly #options: RefreshOptions
  readonly #deps: RefreshDependencies
  /** Size of the table after the last refresh. */
  #knownPeers = 0
  #wake = new AbortController()

  constructor(options: RefreshOptions, deps: RefreshDependencies) {
    this.#options = options
    this.#deps = deps
  }

  /** The table has changed: where it has doubled, it is time to look around. */
  changed(): void {
    if (this.#isDue) this.#wake.abort()
  }

  /** Ways to others may have changed. */
  again(): void {
    this.#knownPeers = 0
    this.#wake.abort()
  }

  /** Background loop. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, dht } = this.#deps
    while (!signal.aborted) {
      this.#wake = new AbortController()
      const woken = AbortSignal.any([signal, this.#wake.signal])
      if (!this.#isDue) await clock.wait(this.#options.periodMs, woken).catch(() => undefined)
      if (signal.aborted) return
      if (dht.peers === 0) {
        this.#knownPeers = 0
        continue
      }
      await clock.wait(SETTLE_MS, signal).catch(() => undefined)
      await this.#refresh(signal)
      this.#knownPeers = dht.peers
    }
  }

  get #isDue(): boolean {
    const { peers } = this.#deps.dht
    return peers > 0 && peers >= 2 * this.#knownPeers
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { dht, random } = this.#deps
    const self = dht.self.toMultihash().bytes
    const near = await this.#lookUp(self, signal)
    for (let depth = 0; depth < unknownDepths(self, near, dht.bucketSize); depth++) {
      if (signal.aborted) return
      await this.#lookUp(keyAtDepth(placeOf(self), depth, random), signal)
    }
  }

  async #lookUp(key: Uint8Array, signal: AbortSignal): Promise<PeerId[]> {
    const { dht, log } = this.#deps
    const limited = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_TIMEOUT_MS)])
    try {
      return await dht.closest(key, limited)
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'a look-up to refresh the routing table failed')
      return []
    }
  }
}

/** How many buckets, counted from the farthest, the nearest nodes `near` say nothing about. */
export function unknownDepths(self: Uint8Array, near: readonly PeerId[], bucketSize: number): number {
  if (near.length < bucketSize) return 0
  const place = placeOf(self)
  const shared = near.map(peer => sharedBits(place, placeOf(peer.toMultihash().bytes)))
  return Math.min(...shared, MAX_DEPTH)
}

/** A key whose place shares exactly `depth` bits with `place`; found by trying, some 2^(depth+1) times. */
export function keyAtDepth(
  place: Uint8Array,
  depth: number,
  random: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  for (;;) {
    const key = random(new Uint8Array(KEY_BYTES))
    if (sharedBits(place, placeOf(key)) === depth) return key
  }
}
