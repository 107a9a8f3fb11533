import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Bucket, KeyValueStore } from '../../core/api.ts'

export interface RememberedPeer {
  /** Peer id as text. */
  readonly peer: string
  readonly addresses: readonly Multiaddr[]
}

/** What is on disk, as JSON, under the peer id as text. `rank`: the higher, the later it was useful; boards have no clock. */
interface Entry {
  readonly version: 1
  readonly rank: number
  readonly addresses: readonly string[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Peers that were connected once, for the next start. In memory in order of use, the least recently useful first, and
 * bounded; `save` writes what changed to the bucket `discovery/peers`. `load` comes first.
 */
export class RememberedPeers {
  readonly #maxPeers: number
  readonly #store: KeyValueStore
  #bucket: Bucket | undefined
  readonly #entries = new Map<string, Entry>()
  readonly #changed = new Set<string>()
  #nextRank = 1

  constructor({ maxPeers }: { readonly maxPeers: number }, { store }: { readonly store: KeyValueStore }) {
    this.#maxPeers = maxPeers
    this.#store = store
  }

  get size(): number {
    return this.#entries.size
  }

  has(peer: string): boolean {
    return this.#entries.has(peer)
  }

  /** Reads what is on disk, the most recently useful first. Entries that can't be read are forgotten. */
  load(): RememberedPeer[] {
    this.#bucket = this.#store.bucket('discovery/peers')
    const onDisk: [peer: string, entry: Entry][] = []
    for (const [key, value] of this.#bucket.entries()) {
      const peer = decoder.decode(key)
      const entry = decode(value)
      if (entry) onDisk.push([peer, entry])
      else this.#changed.add(peer)
    }
    onDisk.sort(([, one], [, other]) => one.rank - other.rank)
    for (const [peer, entry] of onDisk) this.#entries.set(peer, entry)
    this.#nextRank = (onDisk.at(-1)?.[1].rank ?? 0) + 1
    this.#trim()
    return [...this.#entries]
      .reverse()
      .map(([peer, { addresses }]) => ({ peer, addresses: addresses.map(address => multiaddr(address)) }))
  }

  /** The peer was useful just now. Without addresses it keeps those it had. */
  remember({ peer, addresses }: RememberedPeer): void {
    const before = this.#entries.get(peer)
    const known = addresses.length > 0 ? addresses.map(String) : before?.addresses
    if (!known) return
    this.#entries.delete(peer)
    this.#entries.set(peer, { version: 1, rank: this.#nextRank++, addresses: known })
    this.#changed.add(peer)
    this.#trim()
  }

  async save(): Promise<void> {
    const bucket = this.#bucket
    if (!bucket || this.#changed.size === 0) return
    const changed = [...this.#changed]
    this.#changed.clear()
    await this.#store.write(batch => {
      for (const peer of changed) {
        const entry = this.#entries.get(peer)
        if (entry) batch.put(bucket, encoder.encode(peer), encoder.encode(JSON.stringify(entry)))
        else batch.delete(bucket, encoder.encode(peer))
      }
    })
  }

  #trim(): void {
    for (const peer of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxPeers) return
      this.#entries.delete(peer)
      this.#changed.add(peer)
    }
  }
}

function decode(value: Uint8Array): Entry | undefined {
  try {
    const entry: Entry = JSON.parse(decoder.decode(value))
    for (const address of entry.addresses) multiaddr(address)
    return entry.version === 1 && Number.isSafeInteger(entry.rank) ? entry : undefined
  } catch {
    return undefined
  }
}
