import { peerIdFromString } from '@libp2p/peer-id'
import type { Logger } from '../logger.ts'
import type { Bucket, KeyValueStore } from '../storage/storage.ts'
import { decodePeer, encodePeer } from './peer-codec.ts'
import type { KeptPeer } from './peer-record.ts'
import type { PeerKeeper } from './peer-table.ts'

export interface PeerShelfDependencies {
  /** The bookkeeping: what is written reaches the disk with all the rest, once in a while. */
  readonly store: KeyValueStore
  readonly log: Logger
}

const BUCKET = 'peers'
/** Where the discovery plugin kept its own, in version 1. Taken over once. */
const OLD_BUCKET = 'discovery/peers'
/** Peers that connect and leave again and again are encoded once in so long. */
const SAVE_AFTER_MS = 60_000
/** Changed peers that wait: from there on they are handed over at once. */
const MAX_CHANGED = 1000

/** The peer table on disk. Changes are gathered for a while; `close` hands over the last ones. */
export class PeerShelf implements PeerKeeper {
  readonly kept: readonly KeptPeer[]
  readonly #store: KeyValueStore
  readonly #log: Logger
  readonly #bucket: Bucket
  /** By peer. */
  readonly #changed = new Map<string, () => KeptPeer | undefined>()
  #timer: NodeJS.Timeout | undefined

  private constructor(kept: readonly KeptPeer[], bucket: Bucket, { store, log }: PeerShelfDependencies) {
    this.kept = kept
    this.#bucket = bucket
    this.#store = store
    this.#log = log
  }

  /** Reads what there is. A record that can't be read is forgotten, and no reason not to start. */
  static async open(dependencies: PeerShelfDependencies): Promise<PeerShelf> {
    const { store, log } = dependencies
    const bucket = store.bucket(BUCKET)
    const old = store.bucket(OLD_BUCKET)
    const peers = new Map<string, KeptPeer>()
    const moved: string[] = []
    const unreadable: Uint8Array[] = []
    for (const [key, value] of old.entries()) {
      const record = read(key, value)
      if (record) peers.set(record.peer, record)
      if (record) moved.push(record.peer)
    }
    for (const [key, value] of bucket.entries()) {
      const record = read(key, value)
      if (record) peers.set(record.peer, record)
      else unreadable.push(key)
    }
    const oldKeys = [...old.keys()]
    if (oldKeys.length + unreadable.length > 0) {
      await store.write(batch => {
        for (const key of oldKeys) batch.delete(old, key)
        for (const key of unreadable) batch.delete(bucket, key)
        for (const peer of moved) {
          const record = peers.get(peer)
          if (record) batch.put(bucket, Buffer.from(peer), encodePeer(record))
        }
      })
    }
    if (unreadable.length > 0)
      log.warn({ peers: unreadable.length }, 'peers on disk that nobody can read are forgotten')
    const kept = [...peers.values()].sort((one, other) => one.rank - other.rank)
    return new PeerShelf(kept, bucket, dependencies)
  }

  changed(peer: string, read: () => KeptPeer | undefined): void {
    this.#changed.set(peer, read)
    if (this.#changed.size >= MAX_CHANGED) void this.save()
    else this.#timer ??= setTimeout(() => void this.save(), SAVE_AFTER_MS).unref()
  }

  /** Hands over what has changed. What the store doesn't take is logged, and tried with the next change of the peer. */
  async save(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const changed = [...this.#changed]
    this.#changed.clear()
    if (changed.length === 0) return
    try {
      await this.#store.write(batch => {
        for (const [peer, read] of changed) {
          const record = read()
          if (record) batch.put(this.#bucket, Buffer.from(peer), encodePeer(record))
          else batch.delete(this.#bucket, Buffer.from(peer))
        }
      })
    } catch (error) {
      this.#log.warn({ err: error, peers: changed.length }, 'peers were not saved')
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.save()
  }
}

/** Undefined where key or value is none of a peer. */
function read(key: Uint8Array, value: Uint8Array): KeptPeer | undefined {
  const peer = Buffer.from(key).toString()
  try {
    return peerIdFromString(peer).toString() === peer ? decodePeer(peer, value) : undefined
  } catch {
    return undefined
  }
}
