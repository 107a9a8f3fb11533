import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromString } from '@libp2p/peer-id'
import { BaseDatastore } from 'datastore-core'
import { Key, type Pair, type Query } from 'interface-datastore'
import { NotFoundError } from 'interface-store'
import { base32 } from 'multiformats/bases/base32'
import { decode as decodeMultihash } from 'multiformats/hashes/digest'
import * as varint from 'uint8-varint'
import type { Bucket, KeyValueStore } from '../../../core/api.ts'
import { placeOf } from './key-space.ts'

const BUCKET = 'routing/records'
/** Which network the records are of. */
const NETWORK_BUCKET = 'routing/network'
const NETWORK_KEY = Buffer.from('protocol')

/** Where kad-dht keeps records of providers: `/dht/provider/<multihash in base32>/<peer id>`, with the time as a varint. */
const PROVIDERS = '/dht/provider'

/** https://github.com/libp2p/specs/blob/master/kad-dht/README.md#content-provider-advertisement-and-discovery */
export const RECORD_LIFE_MS = 48 * 60 * 60 * 1000

/** One peer may hold that share of all records, so that nobody can push out those of all others. */
const MAX_PEER_SHARE = 8
/** That share leaves at once where there are too many, so that the search for the oldest is rare. */
const EVICTED_SHARE = 8
/** Records kept of one hash: whoever wants it needs a few. The one told of longest ago makes room. */
export const MAX_PROVIDERS = 64
/** And so many of them are told, the last ones: each costs two look-ups in the peer store. */
export const MAX_TOLD = 20

/** Bytes of the place that a record's key begins with: enough to keep neighbours together. */
const PLACE_PREFIX_BYTES = 8
/** Above the first byte of every peer id. */
const AFTER_PEERS = Uint8Array.of(0xff)

export interface RecordStoreOptions {
  readonly maxRecords: number
  readonly self: PeerId
}

export interface RecordStoreDependencies {
  /** For what may be lost. */
  readonly store: KeyValueStore
  /** Whether this node itself provides what the multihash names. */
  provides(hash: Uint8Array): boolean
  /** Whether it is known where the peer is: a record of one that isn't is of no use, and kad-dht fails over it. */
  isKnown(peer: PeerId): Promise<boolean>
  /** Since 1970. */
  wallMs(): number
}

interface StoredRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly timeMs: number
}

interface ProviderRecord {
  readonly hash: Uint8Array
  readonly peer: PeerId
}

/**
 * The datastore of kad-dht: records of who provides what, within a bound.
 *
 * Keys begin with the place of the hash in the key space. Peers announce in that order, so that the records of half an hour
 * lie on few pages, and a card is spared. What this node provides itself isn't stored: it is answered from what it holds.
 * Other kinds of records (`PUT_VALUE`) aren't kept.
 */
export class RecordStore extends BaseDatastore {
  readonly #options: RecordStoreOptions
  readonly #deps: RecordStoreDependencies
  readonly #bucket: Bucket
  /** Records of each peer that has any. */
  readonly #counts = new Map<string, number>()
  #size = 0
  /** Changes, one after the other: each goes by what the one before has left. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: RecordStoreOptions, deps: RecordStoreDependencies) {
    super()
    this.#options = options
    this.#deps = deps
    this.#bucket = deps.store.bucket(BUCKET)
  }

  get size(): number {
    return this.#size
  }

  /**
   * Counts what an earlier run left, and forgets what the disk has damaged of it. Records of another network than `protocol` are of no use in it, and none of its business:
   * they go. Resolves with whether it is another one.
   */
  async open(protocol: string): Promise<boolean> {
    this.#counts.clear()
    this.#size = 0
    const network = this.#deps.store.bucket(NETWORK_BUCKET)
    const before = network.get(NETWORK_KEY)
    const isOther = before === undefined || Buffer.from(before).toString() !== protocol
    if (isOther) {
      await this.#deps.store.write(batch => {
        if (before !== undefined) for (const key of this.#bucket.keys()) batch.delete(this.#bucket, key)
        batch.put(network, NETWORK_KEY, Buffer.from(protocol))
      })
    }
    const damaged: Uint8Array[] = []
    for (const [key, value] of this.#bucket.entries()) {
      if (isRecord(key, value)) this.#count(peerBytesOf(key), 1)
      else damaged.push(key)
    }
    if (damaged.length > 0) {
      await this.#deps.store.write(batch => {
        for (const key of damaged) batch.delete(this.#bucket, key)
      })
    }
    return isOther
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    const record = parse(key)
    if (record && !record.peer.equals(this.#options.self)) await this.#inTurn(() => this.#put(record, value))
    return key
  }

  override get(key: Key): Uint8Array {
    throw new NotFoundError(`no value for ${key}`)
  }

  override has(): boolean {
    return false
  }

  override async delete(key: Key): Promise<void> {
    const record = parse(key)
    if (record) await this.#inTurn(() => this.#remove([keyOf(record.hash, record.peer)]))
  }

  /** All providers of one hash, or of all hashes those records whose time is over: kad-dht asks so to delete them. */
  override async *_all({ prefix = '' }: Query): AsyncGenerator<Pair> {
    const hash = hashOf(prefix)
    if (hash) yield* this.#providersOf(hash)
    else if (prefix === PROVIDERS) yield* this.#expired()
  }

  async *#providersOf(hash: Uint8Array): AsyncGenerator<Pair> {
    const nowMs = this.#deps.wallMs()
    if (this.#deps.provides(hash)) {
      yield { key: datastoreKey(hash, this.#options.self), value: varint.encode(nowMs) }
    }
    let told = 0
    for (const { key, value } of this.#recordsOf(hash).reverse()) {
      if (told === MAX_TOLD || isOver(value, nowMs)) return
      const peer = peerIdFromMultihash(decodeMultihash(peerBytesOf(key)))
      if (!(await this.#deps.isKnown(peer))) continue
      told += 1
      yield { key: datastoreKey(hash, peer), value }
    }
  }

  /** The oldest first. */
  #recordsOf(hash: Uint8Array): StoredRecord[] {
    const from = keyPrefix(hash)
    return oldestFirst(this.#bucket.entries({ from, to: Buffer.concat([from, AFTER_PEERS]) }))
  }

  *#expired(): Generator<Pair> {
    const nowMs = this.#deps.wallMs()
    for (const [key, value] of this.#bucket.entries()) {
      if (!isOver(value, nowMs)) continue
      const peer = peerIdFromMultihash(decodeMultihash(peerBytesOf(key)))
      yield { key: datastoreKey(hashIn(key), peer), value }
    }
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change)
    this.#last = done.catch(() => undefined)
    return done
  }

  async #put({ hash, peer: id }: ProviderRecord, value: Uint8Array): Promise<void> {
    const { maxRecords } = this.#options
    const bytes = keyOf(hash, id)
    const peer = id.toMultihash().bytes
    const isNew = !this.#bucket.has(bytes)
    if (isNew) {
      if ((this.#counts.get(textOf(peer)) ?? 0) >= maxRecords / MAX_PEER_SHARE) return
      const others = this.#recordsOf(hash)
      await this.#remove(
        others.slice(0, Math.max(0, others.length + 1 - MAX_PROVIDERS)).map(({ key }) => key),
      )
      if (this.#size >= maxRecords) await this.#evict()
    }
    await this.#deps.store.write(batch => batch.put(this.#bucket, bytes, value))
    if (isNew) this.#count(peer, 1)
  }

  async #evict(): Promise<void> {
    const count = Math.ceil(this.#options.maxRecords / EVICTED_SHARE)
    const leaving = oldestFirst(this.#bucket.entries()).slice(0, count)
    await this.#remove(leaving.map(({ key }) => key))
  }

  async #remove(keys: readonly Uint8Array[]): Promise<void> {
    if (keys.length === 0) return
    const held = keys.filter(key => this.#bucket.has(key))
    await this.#deps.store.write(batch => {
      for (const key of held) batch.delete(this.#bucket, key)
    })
    for (const key of held) this.#count(peerBytesOf(key), -1)
  }

  #count(peer: Uint8Array, change: 1 | -1): void {
    const text = textOf(peer)
    const count = (this.#counts.get(text) ?? 0) + change
    if (count > 0) this.#counts.set(text, count)
    else this.#counts.delete(text)
    this.#size += change
  }
}

function oldestFirst(entries: Iterable<readonly [Uint8Array, Uint8Array]>): StoredRecord[] {
  return Array.from(entries, ([key, value]) => ({ key, value, timeMs: varint.decode(value) })).sort(
    (one, other) => one.timeMs - other.timeMs,
  )
}

/** A key tells of damage: it begins with the place of the hash that it has. */
function isRecord(key: Uint8Array, value: Uint8Array): boolean {
  try {
    const peer = peerIdFromMultihash(decodeMultihash(peerBytesOf(key)))
    const isKey = Buffer.compare(keyOf(decodeMultihash(hashIn(key)).bytes, peer), key) === 0
    return isKey && varint.encodingLength(varint.decode(value)) === value.byteLength
  } catch {
    return false
  }
}

function isOver(value: Uint8Array, nowMs: number): boolean {
  return varint.decode(value) + RECORD_LIFE_MS < nowMs
}

function keyPrefix(hash: Uint8Array): Uint8Array {
  return Buffer.concat([placeOf(hash).subarray(0, PLACE_PREFIX_BYTES), hash])
}

function keyOf(hash: Uint8Array, peer: PeerId): Uint8Array {
  return Buffer.concat([keyPrefix(hash), peer.toMultihash().bytes])
}

/** A multihash says itself how long it is. */
function hashIn(key: Uint8Array): Uint8Array {
  const rest = key.subarray(PLACE_PREFIX_BYTES)
  const codeBytes = varint.encodingLength(varint.decode(rest))
  const digestBytes = varint.decode(rest, codeBytes)
  return rest.subarray(0, codeBytes + varint.encodingLength(digestBytes) + digestBytes)
}

function peerBytesOf(key: Uint8Array): Uint8Array {
  return key.subarray(PLACE_PREFIX_BYTES + hashIn(key).length)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function datastoreKey(hash: Uint8Array, peer: PeerId): Key {
  // Their base32 is without the multibase prefix.
  return new Key(`${PROVIDERS}/${base32.baseEncode(hash)}/${peer}`, false)
}

function parse(key: Key): ProviderRecord | undefined {
  const text = key.toString()
  const hash = hashOf(text)
  const peer = text.split('/')[4]
  return hash && peer ? { hash, peer: peerIdFromString(peer) } : undefined
}

/** The multihash in a key or prefix of one; undefined where it is of something else. */
function hashOf(text: string): Uint8Array | undefined {
  if (!text.startsWith(`${PROVIDERS}/`)) return undefined
  const hash = text.split('/')[3]
  return hash ? base32.baseDecode(hash) : undefined
}
