import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import fc, { type Arbitrary } from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

/** Values that many codecs have inside. */

const CODECS = [0x55, 0x70, 0x71, 0x0129, 0x72]
const HASHES: readonly (readonly [code: number, bytes: number])[] = [
  [0x12, 32],
  [0x13, 64],
  [0xb220, 32],
  [0x1e, 32],
]

const digests = fc
  .constantFrom(...HASHES)
  .chain(([code, length]) =>
    fc.uint8Array({ minLength: length, maxLength: length }).map(bytes => createDigest(code, bytes)),
  )

/** Version 1, of all hashes that are accepted. */
export const cids: Arbitrary<CID> = fc
  .tuple(fc.constantFrom(...CODECS), digests)
  .map(([codec, digest]) => CID.createV1(codec, digest))

/** Both versions. */
export const anyCids: Arbitrary<CID> = fc.oneof(
  cids,
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => CID.createV0(createDigest(0x12, bytes))),
)

export const multihashes: Arbitrary<Uint8Array> = digests.map(({ bytes }) => bytes)

/** Keys that are the same in every run. */
export const KEYS = await Promise.all(
  Array.from({ length: 8 }, (_, number) =>
    generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(number + 1)),
  ),
)

export const PEERS: readonly string[] = KEYS.map(key => peerIdFromPrivateKey(key).toString())

export const peers: Arbitrary<string> = fc.constantFrom(...PEERS)

export const addresses: Arbitrary<Multiaddr> = fc
  .oneof(
    fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([host, port]) => `/ip4/${host}/tcp/${port}`),
    fc.tuple(fc.ipV6(), fc.nat(65_535)).map(([host, port]) => `/ip6/${host}/udp/${port}/quic-v1`),
    fc.nat(65_535).map(port => `/dns4/board.example/tcp/${port}/ws`),
    peers.map(peer => `/ip4/192.0.2.1/tcp/4001/p2p/${peer}/p2p-circuit`),
  )
  .map(text => multiaddr(text))

/** Any text that UTF-8 can spell. */
export const texts: Arbitrary<string> = textsOf(
  'abcXYZ0189 _.,:;-+*/%?&=#@!~^|<>()[]{}"`\'\\\t\n\0\x1b\x7f\u0085éß€😀İ\u202e\u2028\u0301\ufeff',
)

/** Texts of some characters, of which fast-check takes no map of all of Unicode. */
export function textsOf(alphabet: string, { minLength = 0, maxLength = 40 } = {}): Arbitrary<string> {
  const characters = [...alphabet]
  return fc
    .array(fc.nat(characters.length - 1), { minLength, maxLength })
    .map(places => places.map(place => characters[place]).join(''))
}

export const smallBytes: Arbitrary<Uint8Array<ArrayBuffer>> = fc
  .uint8Array({ maxLength: 64 })
  .map(bytes => Uint8Array.from(bytes))

export const uint32s: Arbitrary<number> = fc.nat(0xffff_ffff)
export const uint16s: Arbitrary<number> = fc.nat(0xffff)
/** Milliseconds, counts and sizes: what a number holds exactly. */
export const safeIntegers: Arbitrary<number> = fc.maxSafeNat()
export const uint64s: Arbitrary<bigint> = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

/** As fast-check's own, of plain objects alone. */
export function record<T>(fields: { readonly [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T> {
  return fc.record(fields as { [K in keyof T]: Arbitrary<T[K]> }, { noNullPrototype: true }) as Arbitrary<T>
}

/** Of which any field may be left out, but for `required`. */
export function partial<T, R extends keyof T = never>(
  fields: { readonly [K in keyof T]: Arbitrary<T[K]> },
  required: readonly R[] = [],
): Arbitrary<Partial<T> & Pick<T, R>> {
  const options = { noNullPrototype: true, requiredKeys: [...required] }
  return fc.record(fields as { [K in keyof T]: Arbitrary<T[K]> }, options) as Arbitrary<
    Partial<T> & Pick<T, R>
  >
}

/** CIDs are cyclic and lazy inside: their bytes tell all there is. */
export function bytesOf(cid: CID): string {
  return Buffer.from(cid.bytes).toString('hex')
}

/** How JSON has a value that was made by it: what is left out there is left out. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

export function utf8(text: string): Uint8Array {
  return Buffer.from(text)
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}

/** Of a text that UTF-8 can't spell, protobuf's reader keeps what the writer can't write. */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T
  if (Array.isArray(value)) return value.map(wellFormed) as T
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]),
  ) as T
}
