import { hash, webcrypto } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { Turnstile } from '../storage/turnstile.ts'

/** The largest block that is made, fetched or served: what Bitswap peers accept. https://specs.ipfs.tech/bitswap-protocol/#block-sizes */
export const MAX_BLOCK_BYTES = 2 * 1024 * 1024

/** The longest content that a CID may carry inline: more would let a want list carry blocks that nobody verified or stored. */
const MAX_IDENTITY_BYTES = 128

/** The multicodec code of the identity "hash". https://github.com/multiformats/multicodec/blob/master/table.csv */
export const IDENTITY = 0x00

const SHA2_256 = 0x12
const SHA2_512 = 0x13

/** Whole digests only: a truncated one is cheaper to forge. */
const digests = new Map<number, { readonly bytes: number; readonly of: (input: Uint8Array) => Uint8Array }>([
  [SHA2_256, { bytes: 32, of: input => hash('sha256', input, 'buffer') }],
  [SHA2_512, { bytes: 64, of: input => hash('sha512', input, 'buffer') }],
  [0xb220, { bytes: 32, of: input => blake2b(input, { dkLen: 32 }) }],
  [0x1e, { bytes: 32, of: input => blake3(input) }],
])

/** True where blocks of this CID's hash function and digest length may be stored, fetched and served. */
export function isHashAllowed(cid: CID): boolean {
  if (!isSpellable(cid)) return false
  const { code, size } = cid.multihash
  return code === IDENTITY ? size <= MAX_IDENTITY_BYTES : digests.get(code)?.bytes === size
}

/** The multihash of `bytes`; undefined for a hash or a digest length that isn't allowed, and for inlined content. */
export function multihashOf(code: number, digestBytes: number, bytes: Uint8Array): Uint8Array | undefined {
  const digest = digests.get(code)
  return digest?.bytes === digestBytes ? createDigest(code, digest.of(bytes)).bytes : undefined
}

/**
 * False for a CID of version 0 with another hash than sha2-256. multiformats reads such from bytes that begin with a zero, and
 * writes what nobody reads: a peer that is sent it takes it for an attack.
 */
export function isSpellable({ version, multihash }: CID): boolean {
  return version !== 0 || (multihash.code === SHA2_256 && multihash.size === 32)
}

/** True where `bytes` are the content of `cid`. False for a hash that isn't allowed, and for bytes above MAX_BLOCK_BYTES. */
export function verifyBlock(cid: CID, bytes: Uint8Array): boolean {
  if (!isHashAllowed(cid) || bytes.byteLength > MAX_BLOCK_BYTES) return false
  const { code, digest } = cid.multihash
  const actual = code === IDENTITY ? bytes : digests.get(code)?.of(bytes)
  return actual !== undefined && Buffer.compare(actual, digest) === 0
}

/** The CIDv1 of `bytes` under sha2-256. */
export function cidOf(codec: number, bytes: Uint8Array): CID {
  return cidOfDigest(codec, hash('sha256', bytes, 'buffer'))
}

/** The CIDv1 of what has the SHA-256 `digest`. */
export function cidOfDigest(codec: number, digest: Uint8Array): CID {
  return CID.createV1(codec, createDigest(SHA2_256, digest))
}

/** {@link cidOf}, with a large block hashed on another thread. */
export async function cidOfLarge(codec: number, bytes: Uint8Array): Promise<CID> {
  if (bytes.byteLength < ASIDE_MIN_BYTES) return cidOf(codec, bytes)
  return cidOfDigest(codec, await digestAside('SHA-256', bytes))
}

/** {@link verifyBlock}, with a large block hashed on another thread: the event loop is free meanwhile. A small one's verdict comes at once. */
export function verifyLargeBlock(cid: CID, bytes: Uint8Array): boolean | Promise<boolean> {
  const algorithm = ASIDE.get(cid.multihash.code)
  const isSmall = bytes.byteLength < ASIDE_MIN_BYTES || bytes.byteLength > MAX_BLOCK_BYTES
  if (isSmall || !algorithm || !isHashAllowed(cid)) return verifyBlock(cid, bytes)
  return digestAside(algorithm, bytes).then(actual => Buffer.compare(actual, cid.multihash.digest) === 0)
}

/** What Node hashes on libuv's pool, for a copy of the bytes. */
const ASIDE = new Map([
  [SHA2_256, 'SHA-256'],
  [SHA2_512, 'SHA-512'],
])

/** Below this the way to another thread costs more than the hash. */
const ASIDE_MIN_BYTES = 128 * 1024

/** Threads of libuv's pool of four that hashing may hold: reads, writes and commits need the others. */
const asideTurns = new Turnstile(2)

function digestAside(algorithm: string, bytes: Uint8Array): Promise<Uint8Array> {
  return asideTurns.pass(
    async () => new Uint8Array(await webcrypto.subtle.digest(algorithm, bytes as Uint8Array<ArrayBuffer>)),
  )
}
