import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import type { MultihashDigest } from 'multiformats/hashes/interface'
import type { BlockStore } from '../../core/api.ts'
import type { Fingerprint } from './policies/entries.ts'

/** Of a digest. Blocks that share them share a place, and go together. */
const FINGERPRINT_BYTES = 8

/** Kinds of multihash that are known at a time. Core accepts four; a store that has more of them keeps the others as strangers. */
const MAX_KINDS = 16

/** Blocks looked at that begin as a fingerprint says. For more than one somebody has to compute 2^32 hashes. */
const MAX_NAMESAKES = 4

/** Hash function and digest length: what stands before the digest in a multihash. */
interface Kind {
  readonly prefix: Uint8Array
  readonly digestBytes: number
}

/**
 * From multihashes to fingerprints and back. A fingerprint is the start of the digest, and a store lists its blocks in order of
 * their multihashes: so the rest of the name needn't be kept in memory.
 */
export class BlockNames {
  readonly #blocks: BlockStore
  readonly #kinds: Kind[] = []

  constructor(blocks: BlockStore) {
    this.#blocks = blocks
  }

  /** Learns which kinds of multihash the store has: one look at the index for each. */
  open(): void {
    this.#kinds.length = 0
    let after: Uint8Array | undefined
    while (this.#kinds.length < MAX_KINDS) {
      const [entry] = this.#blocks.list({ after, limit: 1 })
      if (!entry) return
      const kind = this.#learn(entry.hash)
      const isKnown = this.#kinds.includes(kind)
      after = isKnown ? Buffer.concat([kind.prefix, new Uint8Array(kind.digestBytes).fill(0xff)]) : entry.hash
    }
  }

  fingerprint(hash: Uint8Array): Fingerprint {
    const start = this.#learn(hash).prefix.length
    return { high: wordAt(hash, start), low: wordAt(hash, start + 4) }
  }

  /** Held blocks of that fingerprint: one, but for those that somebody made to share it. */
  namesakes(fingerprint: Fingerprint): Uint8Array[] {
    return this.#kinds.flatMap(kind => this.#namesakesOf(kind, fingerprint))
  }

  /** Payload bytes of a held block. */
  sizeOf(hash: Uint8Array): number | undefined {
    const digest = digestOf(hash)
    return digest && this.#blocks.sizeOf(CID.createV1(raw.code, digest))
  }

  #namesakesOf({ prefix, digestBytes }: Kind, { high, low }: Fingerprint): Uint8Array[] {
    const start = Buffer.alloc(prefix.length + FINGERPRINT_BYTES)
    start.set(prefix)
    start.writeUInt32BE(high, prefix.length)
    start.writeUInt32BE(low, prefix.length + 4)
    if (digestBytes <= FINGERPRINT_BYTES) {
      const hash = start.subarray(0, prefix.length + digestBytes)
      return this.sizeOf(hash) === undefined ? [] : [hash]
    }
    return this.#blocks
      .list({ after: start, limit: MAX_NAMESAKES })
      .map(({ hash }) => hash)
      .filter(hash => start.compare(hash, 0, start.length) === 0)
  }

  #learn(hash: Uint8Array): Kind {
    const start = digestStart(hash)
    const digestBytes = Math.max(0, hash.length - start)
    const known = this.#kinds.find(
      kind => kind.digestBytes === digestBytes && kind.prefix.every((byte, n) => byte === hash[n]),
    )
    if (known) return known
    const kind = { prefix: hash.slice(0, start), digestBytes }
    if (this.#kinds.length < MAX_KINDS && digestOf(hash)) this.#kinds.push(kind)
    return kind
  }
}

/** Undefined for what a damaged index has as a key: it is of no kind, and names no block. */
function digestOf(hash: Uint8Array): MultihashDigest | undefined {
  try {
    return decode(hash)
  } catch {
    return undefined
  }
}

/** 32 bits, big-endian; bytes behind the end count as zero. */
function wordAt(bytes: Uint8Array, at: number): number {
  let word = 0
  for (let place = at; place < at + 4; place++) word = (word << 8) | (bytes[place] ?? 0)
  return word >>> 0
}

/** Where the digest begins: after two varints. https://github.com/multiformats/multihash */
function digestStart(hash: Uint8Array): number {
  let place = 0
  for (let varints = 0; varints < 2; varints++) {
    while (((hash[place] ?? 0) & 0x80) !== 0) place += 1
    place += 1
  }
  return place
}
